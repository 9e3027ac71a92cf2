namespace Abi.Cli.CommandLine;

/// <summary>How the tool ends.</summary>
internal static class ExitCode
{
    /// <summary>Everything asked for was done.</summary>
    public const int Success = 0;

    /// <summary>Something failed; stderr says what.</summary>
    public const int Failed = 1;

    /// <summary>The command line was wrong; nothing was done.</summary>
    public const int Usage = 2;

    /// <summary>The user cancelled (128 + SIGINT).</summary>
    public const int Cancelled = 130;
}
