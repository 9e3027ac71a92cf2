namespace Abi.Llm.Chat.Jinja;

/// <summary>A function that a template can call, or a method bound to its object.</summary>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Signature">Its parameters.</param>
/// <param name="Function">What it does with the bound arguments.</param>
internal sealed record JinjaCallable(string Name, JinjaSignature Signature, Func<JinjaArguments, object?> Function)
{
    public object? Invoke(JinjaArguments arguments) => arguments.Runtime.ChargeMade(Function(Signature.Bind(arguments with { Function = Name })));
}
