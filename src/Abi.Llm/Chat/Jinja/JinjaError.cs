namespace Abi.Llm.Chat.Jinja;

/// <summary>The errors that operations end in, named as Python names them.</summary>
internal static class JinjaError
{
    public static JinjaException Type(string message) => new(JinjaErrorKind.Runtime, "TypeError: " + message);

    public static JinjaException Value(string message) => new(JinjaErrorKind.Runtime, "ValueError: " + message);

    public static JinjaException Overflow(string message) => new(JinjaErrorKind.Runtime, "OverflowError: " + message);

    public static JinjaException Other(string message) => new(JinjaErrorKind.Runtime, message);
}
