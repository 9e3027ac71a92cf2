namespace Abi.Llm.Chat;

/// <summary>How a model writes a call of a tool into its output, as its chat template teaches it.</summary>
public enum ToolCallFormat
{
    /// <summary>The template knows no tools.</summary>
    None,

    /// <summary><c>&lt;tool_call&gt;{"name": …, "arguments": {…}}&lt;/tool_call&gt;</c> (Hermes, Qwen 2.5, Qwen 3).</summary>
    Hermes,

    /// <summary>A bare <c>{"name": …, "parameters": {…}}</c> that begins the message, or one after <c>&lt;|python_tag|&gt;</c> (Llama 3.1 and later).</summary>
    LlamaJson,

    /// <summary><c>[TOOL_CALLS][{"name": …, "arguments": {…}, "id": …}]</c>, and the later <c>[TOOL_CALLS]name[ARGS]{…}</c> (Mistral).</summary>
    Mistral,

    /// <summary><c>&lt;function=name&gt;{…}&lt;/function&gt;</c>, and code after <c>&lt;|python_tag|&gt;</c> (Functionary 3.1).</summary>
    Functionary,

    /// <summary><c>&lt;function=name&gt;&lt;parameter=key&gt;value&lt;/parameter&gt;&lt;/function&gt;</c> (Qwen 3 Coder).</summary>
    FunctionParameters,

    /// <summary><c>Action: ```json [{"tool_name": …, "parameters": {…}}] ```</c> (Command R and R+).</summary>
    CommandR,

    /// <summary><c>&lt;|START_ACTION|&gt;[{"tool_call_id": …, "tool_name": …, "parameters": {…}}]&lt;|END_ACTION|&gt;</c> (Command R7B, Command A).</summary>
    CommandAction,

    /// <summary><c>&lt;｜tool▁call▁begin｜&gt;function&lt;｜tool▁sep｜&gt;name ```json {…} ```&lt;｜tool▁call▁end｜&gt;</c> (DeepSeek R1 and V3).</summary>
    DeepSeek,

    /// <summary><c>&lt;|tool_call|&gt;[{"name": …, "arguments": {…}}]</c> (Granite 3, Phi 4 mini).</summary>
    Granite,

    /// <summary>A message to <c>functions.name</c> on the commentary channel (gpt-oss).</summary>
    Harmony,

    /// <summary><c>&lt;tool_call&gt;name &lt;arg_key&gt;…&lt;/arg_key&gt; &lt;arg_value&gt;…&lt;/arg_value&gt;&lt;/tool_call&gt;</c> (GLM 4.5).</summary>
    Glm,

    /// <summary><c>&lt;TOOLCALL&gt;[{"name": …, "arguments": {…}}]&lt;/TOOLCALL&gt;</c> (Nemotron).</summary>
    Nemotron,

    /// <summary><c>functools[{"name": …, "arguments": {…}}]</c> (Firefunction 2).</summary>
    Functools,

    /// <summary><c>&lt;|tool_call_begin|&gt;functions.name:0&lt;|tool_call_argument_begin|&gt;{…}&lt;|tool_call_end|&gt;</c> (Kimi K2).</summary>
    Kimi,

    /// <summary><c>&lt;|tool_call&gt;call:name{key:&lt;|"|&gt;text&lt;|"|&gt;,other:1}&lt;tool_call|&gt;</c> (Gemma 4), and the earlier <c>&lt;start_function_call&gt;call:name{key:&lt;escape&gt;text&lt;escape&gt;}&lt;end_function_call&gt;</c> (FunctionGemma).</summary>
    Gemma,
}
