namespace Abi.Llm.Chat.Jinja;

/// <summary>A filter: what is left of the bar, and the arguments.</summary>
internal sealed record JinjaFilter(JinjaSignature Signature, Func<object?, JinjaArguments, object?> Function)
{
    public object? Apply(object? input, JinjaArguments arguments) => arguments.Runtime.ChargeMade(Function(input, Signature.Bind(arguments)));
}
