namespace Abi.Stubs;

/// <summary>The assembly cannot have a right stub. Codes: ABISTUB001 visible static field, 002 kept body uses something removed, 003 surface names an assembly that goes, 004 body left over.</summary>
public sealed class StubException(IReadOnlyList<(string Code, string Message)> errors) : Exception(string.Join(Environment.NewLine, errors.Select(error => $"{error.Code}: {error.Message}")))
{
    /// <summary>Every error found.</summary>
    public IReadOnlyList<(string Code, string Message)> Errors { get; } = errors;
}
