namespace Abi.Llm.Chat.Jinja;

/// <summary>A test: what is left of <c>is</c>, and the arguments.</summary>
internal sealed record JinjaTest(JinjaSignature Signature, Func<object?, JinjaArguments, bool> Function)
{
    public bool Holds(object? input, JinjaArguments arguments) => Function(input, Signature.Bind(arguments));
}
