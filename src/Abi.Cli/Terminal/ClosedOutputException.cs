namespace Abi.Cli.Terminal;

/// <summary>Whoever read standard output has gone (<c>| head</c>), so there is nobody to go on for.</summary>
internal sealed class ClosedOutputException() : IOException("Nobody reads standard output any more.");
