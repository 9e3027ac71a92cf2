namespace Abi.Llm.Chat.Jinja;

/// <summary>Something that a template can call: a function, a macro, or a method bound to its object.</summary>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Invoke">What it does.</param>
internal sealed record JinjaCallable(string Name, Func<JinjaArguments, object?> Invoke);
