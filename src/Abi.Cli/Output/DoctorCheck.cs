namespace Abi.Cli.Output;

/// <summary>One finding of <c>doctor</c>.</summary>
/// <param name="Name">What was looked at.</param>
/// <param name="Status">ok, info, warning or error.</param>
/// <param name="Text">What was found, and what to do about it.</param>
internal sealed record DoctorCheck(string Name, string Status, string Text);
