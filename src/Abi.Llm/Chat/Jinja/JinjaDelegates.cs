#pragma warning disable MA0048 // two signatures

namespace Abi.Llm.Chat.Jinja;

/// <summary>A filter: what is left of the bar, and the arguments.</summary>
internal delegate object? JinjaFilter(object? input, JinjaArguments arguments);

/// <summary>A test: what is left of <c>is</c>, and the arguments.</summary>
internal delegate bool JinjaTest(object? input, JinjaArguments arguments);
