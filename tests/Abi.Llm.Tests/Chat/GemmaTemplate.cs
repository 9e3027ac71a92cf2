using Abi.Llm.Chat;

namespace Abi.Llm.Tests.Chat;

/// <summary>A small template that writes turns, thoughts, tools, calls and results in the form of Gemma 4.</summary>
internal static class GemmaTemplate
{
    public const string Source =
        """
        {%- macro show(value) -%}
            {%- if value is string -%}<|"|>{{ value }}<|"|>
            {%- elif value is boolean or value is none -%}{{ value | tojson }}
            {%- elif value is mapping -%}{ {{- members(value) -}} }
            {%- elif value is iterable -%}[{% for item in value %}{{ show(item) }}{{ "," if not loop.last }}{% endfor %}]
            {%- else -%}{{ value }}
            {%- endif -%}
        {%- endmacro -%}
        {%- macro members(value) -%}
            {%- for key in value -%}{{ key }}:{{ show(value[key]) }}{{ "," if not loop.last }}{%- endfor -%}
        {%- endmacro -%}
        {{- bos_token -}}
        {%- set opened = namespace(turn=false) -%}
        {%- if enable_thinking or tools -%}
            {{- "<|turn>system\n" -}}
            {%- if enable_thinking %}{{ "<|think|>\n" }}{% endif -%}
            {%- for tool in tools or [] -%}
                <|tool>declaration:{{ tool.function.name }}{ {{- members(tool.function.parameters) -}} }<tool|>
            {%- endfor -%}
            {{- "<turn|>\n" -}}
        {%- endif -%}
        {%- for message in messages -%}
            {%- if message.role == "tool" -%}
                <|tool_response>response:{{ message.name }}{value:{{ show(message.content) }}}<tool_response|>
            {%- else -%}
                {%- if not opened.turn -%}{{ "<|turn>" ~ ("model" if message.role == "assistant" else message.role) ~ "\n" }}{%- endif -%}
                {%- set opened.turn = false -%}
                {%- if message.reasoning_content and message.tool_calls -%}
                    {{- "<|channel>thought\n" ~ message.reasoning_content ~ "\n<channel|>" -}}
                {%- endif -%}
                {%- for call in message.tool_calls or [] -%}
                    <|tool_call>call:{{ call.function.name }}{ {{- members(call.function.arguments) -}} }<tool_call|>
                    {%- set opened.turn = true -%}
                {%- endfor -%}
                {{- message.content | trim if message.content -}}
                {%- if not opened.turn %}{{ "<turn|>\n" }}{% endif -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt and not opened.turn %}{{ "<|turn>model\n" }}{% endif -%}
        """;

    /// <summary>The same with results as the first templates of Gemma 4 have them.</summary>
    public static string First { get; } = Source
        .Replace("{%- if message.role == \"tool\" -%}", "{%- if false -%}", StringComparison.Ordinal)
        .Replace(
            "{{- message.content | trim if message.content -}}",
            "{%- for answer in message.tool_responses or [] -%}<|tool_response>response:{{ answer.name }}{value:{{ show(answer.response) }}}<tool_response|>{%- endfor -%}{{- message.content | trim if message.content -}}",
            StringComparison.Ordinal);

    /// <summary>The template, parsed once.</summary>
    public static ChatTemplate Template { get; } = ChatTemplate.Parse(Source, "<bos>", "<turn|>");
}
