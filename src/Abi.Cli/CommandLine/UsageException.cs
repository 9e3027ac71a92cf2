namespace Abi.Cli.CommandLine;

/// <summary>The command line cannot be understood: exit code 2, and a pointer to help.</summary>
internal sealed class UsageException(string message, Exception? innerException = null) : Exception(message, innerException);
