namespace Abi.Llm.Chat;

/// <summary>Finds out from a chat template how its model calls tools: by the marks that the template itself writes around a call, the more special ones first.</summary>
internal static class ToolCallFormatDetector
{
    private static readonly (ToolCallFormat Format, string[] Marks)[] Rules =
    [
        (ToolCallFormat.Harmony, ["<|channel|>", "<|message|>"]),
        (ToolCallFormat.Kimi, ["<|tool_call_argument_begin|>"]),
        (ToolCallFormat.Gemma, ["<|tool_call>"]),
        (ToolCallFormat.Gemma, ["<start_function_call>"]),
        (ToolCallFormat.DeepSeek, ["<｜tool▁call▁begin｜>"]),
        (ToolCallFormat.CommandAction, ["<|START_ACTION|>"]),
        (ToolCallFormat.Mistral, ["[TOOL_CALLS]"]),
        (ToolCallFormat.FunctionParameters, ["<function=", "<parameter="]),
        (ToolCallFormat.Functionary, ["<function="]),
        (ToolCallFormat.Glm, ["<tool_call>", "<arg_key>"]),
        (ToolCallFormat.Granite, ["<|tool_call|>"]),
        (ToolCallFormat.Granite, ["<|tool|>", "<|/tool|>"]), // Phi 4 mini shows no call, but answers like that
        (ToolCallFormat.Hermes, ["<tool_call>"]),
        (ToolCallFormat.Nemotron, ["<TOOLCALL>"]),
        (ToolCallFormat.Functools, ["functools["]),
        (ToolCallFormat.CommandR, ["Action:", "\"tool_name\""]),
        (ToolCallFormat.LlamaJson, ["<|python_tag|>"]),
        (ToolCallFormat.LlamaJson, ["{\"name\": function name, \"parameters\":"]),
    ];

    public static ToolCallFormat Detect(string template)
    {
        foreach (var (format, marks) in Rules)
        {
            if (Array.TrueForAll(marks, mark => template.Contains(mark, StringComparison.Ordinal)))
            {
                return format;
            }
        }

        return ToolCallFormat.None;
    }
}
