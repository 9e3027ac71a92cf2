namespace Abi.Llm.Chat.Jinja;

/// <summary>The value of a name or attribute that does not exist: prints as nothing, is false and empty, and refuses everything else.</summary>
/// <param name="Message">What a use of it is answered with.</param>
internal sealed record JinjaUndefined(string Message)
{
    public static JinjaUndefined Name(string name) => new($"UndefinedError: '{name}' is undefined");

    public JinjaException Error() => new(JinjaErrorKind.Runtime, Message);
}
