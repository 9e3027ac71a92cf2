using System.Diagnostics;
using Abi.Llm.Chat;
using Abi.Llm.Chat.Output;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat.Output;

[Parallelizable]
public sealed class ChatOutputParserTests
{
    private const string Think = "<think></think>";

    [TestCase(ToolCallFormat.Hermes, "Just text.", "Just text.")]
    [TestCase(ToolCallFormat.Hermes, "  padded \n", "  padded \n")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": 2.5}}\n</tool_call>", "[add{a=1,b=2.5}]")]
    [TestCase(ToolCallFormat.Hermes, "I look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Łódź }]\\\"\"}}\n</tool_call>\nSo.", "I look.[get_weather{city=\"Łódź }]\\\"\"}]So.")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call>\n<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": [1, {\"x\": null}]}}</tool_call>", "[add{}][add{a=[1, {\"x\": null}]}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"nom\": \"add\"}</tool_call>", "<tool_call>{\"nom\": \"add\"}</tool_call>")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{oops}</tool_call> x", "<tool_call>{oops}</tool_call> x")]
    [TestCase(ToolCallFormat.Hermes, "a <tool_call> tag, <tool_cal, < and <<tool_call>{\"name\": \"add\"}</tool_call>", "a <tool_call> tag, <tool_cal, < and <[add{}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call><tool_call>{\"name\": \"add\"}</tool_call>", "<tool_call>[add{}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": \"line\nbreak\"}}</tool_call>", "[add{a=\"line\\u000abreak\"}]")]
    [TestCase(ToolCallFormat.Hermes, "ends with <tool_", "ends with <tool_")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"name\": \"add\", \"parameters\": {\"a\": 1, \"b\": 2}}", "[add{a=1,b=2}]")]
    [TestCase(ToolCallFormat.LlamaJson, "\n {\"type\": \"function\", \"name\": \"add\", \"parameters\": {\"a\": 1}}; {\"name\": \"add\", \"parameters\": {}}", "[add{a=1}][add{}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>{\"name\": \"add\", \"parameters\": {\"a\": 1}}", "[add{a=1}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>get_weather.call(city=\"Bonn, DE\", days=3)", "[get_weather{city=\"Bonn, DE\",days=3}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>print(1)\nprint(2)", "[python{code=\"print(1)\\nprint(2)\"}]")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"answer\": 42}", "{\"answer\": 42}")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"name\": \"nobody\", \"parameters\": {}}", "{\"name\": \"nobody\", \"parameters\": {}}")]
    [TestCase(ToolCallFormat.LlamaJson, "See {\"name\": \"add\", \"parameters\": {}}", "See {\"name\": \"add\", \"parameters\": {}}")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"name\": \"add\", \"param", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Mistral, "[TOOL_CALLS][{\"name\": \"add\", \"arguments\": {\"a\": 1}, \"id\": \"abcdef123\"}, {\"name\": \"get_weather\", \"arguments\": {\"city\": \"x\"}}]", "[add{a=1}][get_weather{city=\"x\"}]")]
    [TestCase(ToolCallFormat.Mistral, "[TOOL_CALLS] add[ARGS]{\"a\": 1}[TOOL_CALLS]add[CALL_ID]123456789[ARGS]{\"a\": 2}", "[add{a=1}][add{a=2}]")]
    [TestCase(ToolCallFormat.Mistral, "[TOOL_CALLS]add{\"a\": 1}", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Mistral, "A list [TOOL_CAL] and [1, 2]", "A list [TOOL_CAL] and [1, 2]")]
    [TestCase(ToolCallFormat.Functionary, "<function=add>{\"a\": 1}</function><function=get_weather>{\"city\": \"x\"}</function>", "[add{a=1}][get_weather{city=\"x\"}]")]
    [TestCase(ToolCallFormat.Functionary, "<|python_tag|>1 + 1", "[python{code=\"1 + 1\"}]")]
    [TestCase(ToolCallFormat.Functionary, "<function=>x", "<function=>x")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>", "[get_weather{city=\"12\",days=3}]")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=get_weather>\n{\"city\": \"x\"}\n</function>\n</tool_call>", "[get_weather{city=\"x\"}]")]
    [TestCase(ToolCallFormat.Glm, "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Bonn</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>", "[get_weather{city=\"Bonn\",days=3}]")]
    [TestCase(ToolCallFormat.CommandR, "I will look.\nAction:\n```json\n[\n    {\n        \"tool_name\": \"add\",\n        \"parameters\": {\"a\": 1}\n    }\n]```", "I will look.[add{a=1}]")]
    [TestCase(ToolCallFormat.CommandR, "Action: ```json\n[{\"tool_name\": \"directly-answer\", \"parameters\": {}}]\n```", "")]
    [TestCase(ToolCallFormat.CommandR, "Action: run! ```c\nx```", "Action: run! ```c\nx```")]
    [TestCase(ToolCallFormat.CommandAction, "<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": \"add\", \"parameters\": {\"a\": 1}}]<|END_ACTION|>", "[add{a=1}]")]
    [TestCase(ToolCallFormat.DeepSeek, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "[add{a=1}][add{}]")]
    [TestCase(ToolCallFormat.DeepSeek, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Granite, "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Granite, "<|tool_call|>[{\"type\": \"function\", \"function\": {\"name\": \"add\", \"arguments\": {}}}]<|/tool_call|>", "[add{}]")]
    [TestCase(ToolCallFormat.Nemotron, "<TOOLCALL>[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]</TOOLCALL>", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Functools, "functools[{\"name\": \"add\", \"arguments\": {\"a\": 1}}]", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Kimi, "<|tool_calls_section_begin|><|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{\"a\": 1}<|tool_call_end|><|tool_calls_section_end|>", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello < you", "(Hm.)Hello < you")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>{\"a\": 1}", "I look.[add{a=1}]")]
    [TestCase(ToolCallFormat.Harmony, " to=functions.add<|channel|>commentary json<|message|>{\"a\": 1}<|call|>", "[add{a=1}]")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>{\"a\": ", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>analysis to=python code<|message|>print(1)<|call|>", "[python{code=\"print(1)\"}]")]
    [TestCase(ToolCallFormat.Harmony, "No channel at all", "No channel at all")]
    [TestCase(ToolCallFormat.Harmony, "             far in", "             far in")]
    [TestCase(ToolCallFormat.Harmony, "assistant toads <|", "assistant toads <|")]
    [TestCase(ToolCallFormat.Harmony, " assistant", " assistant")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>fin", "")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": {\"\\ud83d\": [\"\\ud83d\\ude00 \\ud83d!\", {\"a\": \"\\\\ud83d\"}]}}</tool_call>", "[add{\uFFFD=[\"\\ud83d\\ude00 \\ufffd!\", {\"a\": \"\\\\ud83d\"}]}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"\\udc00\", \"id\": \"\\ud800\", \"arguments\": {}}</tool_call>", "[\uFFFD{}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": \"{\\\"a\\\": \\\"\\\\ud83d\\\"}\"}</tool_call>", "[add{a=\"\\ufffd\"}]")]
    [TestCase(ToolCallFormat.Glm, "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>\"\\ud83d\"</arg_value>\n</tool_call>", "[add{a=\"\\ufffd\"}]")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>{\"\\ud83d\": \"\\ude00\"}<|call|>", "[add{\uFFFD=\"\\ufffd\"}]")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|><|call|>", "[add{}]")]
    [TestCase(ToolCallFormat.Hermes, "The end tag </tool_call> is text, and so is <tool_call>", "The end tag </tool_call> is text, and so is <tool_call>")]
    [TestCase(ToolCallFormat.Hermes, "ends with </tool_call>", "ends with </tool_call>")]
    [TestCase(ToolCallFormat.Functools, "They are in functools", "They are in functools")]
    [TestCase(ToolCallFormat.CommandR, "Action:", "Action:")]
    [TestCase(ToolCallFormat.DeepSeek, "<｜tool▁call▁begin｜>function<｜tool▁sep｜>add", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>add")]
    [TestCase(ToolCallFormat.Kimi, "<|tool_call_begin|>", "<|tool_call_begin|>")]
    [TestCase(ToolCallFormat.Mistral, "[TOOL_CALLS]", "[TOOL_CALLS]")]
    [TestCase(ToolCallFormat.Functionary, "<function=add>", "<function=add>")]
    [TestCase(ToolCallFormat.FunctionParameters, "It opens with <tool_call>, then <function=name> and ends with </function> and </tool_call>.", "It opens with <tool_call>, then <function=name> and ends with </function> and </tool_call>.")]
    [TestCase(ToolCallFormat.FunctionParameters, "I look.\n<tool_call>\n<function=add>\n</function>\n</tool_call>\nSo.", "I look.[add{}]So.")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=find>\n<parameter=text>\n12\n</parameter>\n<parameter=count>\n12\n</parameter>\n<parameter=place>\nnull\n</parameter>\n<parameter=other>\n1e3\n</parameter>\n</function>\n</tool_call>", "[find{text=\"12\",count=12,place=null,other=\"1e3\"}]")]
    [TestCase(ToolCallFormat.FunctionParameters, "<function=find><parameter=count>12.5</parameter><parameter=text>true</parameter><parameter=place>{\"a\": 1}</parameter></function>", "[find{count=\"12.5\",text=\"true\",place={\"a\": 1}}]")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=get_weather>\n<parameter=city>\na</function>\n<x></tool_call>b\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>ok", "[get_weather{city=\"a</function>\\n<x></tool_call>b\",days=3}]ok")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=get_weather>\n<parameter=city>\nBonn\n</function>\n</tool_call>\nok", "[get_weather{city=\"Bonn\"}]ok")]
    [TestCase(ToolCallFormat.FunctionParameters, "Write <function=f><b>x</b></function> or <function=f><param>.", "Write <function=f><b>x</b></function> or <function=f><param>.")]
    [TestCase(ToolCallFormat.FunctionParameters, "<function=get_weather><parameter=city>Bonn</function>\n", "[get_weather{city=\"Bonn\"}]")]
    [TestCase(ToolCallFormat.Glm, "The tag <tool_call> begins a call, </tool_call> ends it.", "The tag <tool_call> begins a call, </tool_call> ends it.")]
    [TestCase(ToolCallFormat.Glm, "<tool_call>, <tool_call>{x} and <tool_call>add<b>", "<tool_call>, <tool_call>{x} and <tool_call>add<b>")]
    [TestCase(ToolCallFormat.Glm, "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>a</tool_call>b</arg_value>\n</tool_call>ok<tool_call>add</tool_call>", "[get_weather{city=\"a</tool_call>b\"}]ok[add{}]")]
    [TestCase(ToolCallFormat.Glm, "<tool_call>add\n<arg_key>a", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>get_weather.call(city=\"a \\\"b=c\\\", d=\", days=3)", "[get_weather{city=\"a \\\"b=c\\\", d=\",days=3}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>get_weather.call(days=[1, 2], city=\"x\",)", "[get_weather{days=[1, 2],city=\"x\"}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>get_weather.call(city=\"x)", "[python{code=\"get_weather.call(city=\\\"x)\"}]")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"name\": \"Bob\", \"age\": ", "{\"name\": \"Bob\", \"age\": ")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"id\": \"1\", \"type\": \"function\", \"function\": {\"name\": \"add\", \"arguments\": {\"a\": 1}}}", "[add{a=1}]")]
    [TestCase(ToolCallFormat.LlamaJson, "{\"parameters\": {\"name\": \"Bob\"}, \"name\": \"add\"}", "[add{name=\"Bob\"}]")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=find>\n<parameter=exact>\nTrue\n</parameter>\n<parameter=limit>\nNone\n</parameter>\n<parameter=text>\nNone\n</parameter>\n<parameter=place>\nFalse\n</parameter>\n</function>\n</tool_call>", "[find{exact=true,limit=null,text=\"None\",place=\"False\"}]")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=find>\n<parameter=count>\n12\n</parameter>\n</tool_call>\nSo.", "[find{count=12}]So.")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=find>\n<parameter=text>\nThe tag\n<parameter=b>\nand <parameter=count>\n<parameter=count>\n12\n</parameter>\n</function>\n</tool_call>So.", "[find{text=\"The tag\\n<parameter=b>\\nand <parameter=count>\",count=12}]So.")]
    [TestCase(ToolCallFormat.FunctionParameters, "<tool_call>\n<function=find>\n<parameter=count>\n1\n</parameter>\n<parameter=text>\na\n<parameter=count>\n2\n</parameter>\n</function>\n</tool_call>", "[find{count=1,text=\"a\\n<parameter=count>\\n2\"}]")]
    [TestCase(ToolCallFormat.Glm, "<tool_call>get_weather\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n<arg_key>city</arg_key>\n<arg_value>Bonn</tool_call>\n", "[get_weather{days=3,city=\"Bonn\"}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": \"it\\'s \\d+\\\\.\\\" C:\\Temp\\n\"}}</tool_call>", "[add{a=\"it's \\\\d+\\\\.\\\" C:\\\\Temp\\n\"}]")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}\n</tool_call>\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": -2.5e+1}}\n</tool_call>", "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}\n[add{a=-2.5e+1}]")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>{\"a\": \"line\nbreak\"}\n<|call|>", "[add{a=\"line\\u000abreak\"}]")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>{\"a\": 1} and<|call|>", "{\"a\": 1} and")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:get_weather{city:<|\"|>Łódź, \"x\" {a}: </s>\\n\nnew<|\"|>,days:3}<tool_call|>", "[get_weather{city=\"Łódź, \\\"x\\\" {a}: </s>\\\\n\\nnew\",days=3}]")]
    [TestCase(ToolCallFormat.Gemma, "I look.\n<|tool_call>call:add{a:1,b:-2.5e+1}<tool_call|><|tool_call>call:add{}<tool_call|><|tool_response>", "I look.[add{a=1,b=-2.5e+1}][add{}]")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:find{place:{k:<|\"|>v<|\"|>,<|\"|>a b<|\"|>:[1,<|\"|>2<|\"|>,true,null,[],{}]},exact:true,limit:None}<tool_call|>So.", "[find{place={\"k\":\"v\",\"a b\":[1,\"2\",true,null,[],{}]},exact=true,limit=null}]So.")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:find{text:12,other:null,count:12,place:http://x:1/y z}<tool_call|>", "[find{text=\"12\",other=null,count=12,place=\"http://x:1/y z\"}]")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:get_weather{\"city\": \"Bonn, \\\"DE\\\"\",\n  days: 3,\n}<tool_call|>", "[get_weather{city=\"Bonn, \\\"DE\\\"\",days=3}]")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add{a:<|\"|><|\"|<tool_call|><|\"|>}<tool_call|>", "[add{a=\"<|\\\"|<tool_call|>\"}]")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add{a:<|\"|><|\"|>}", "[add{a=\"\"}]")]
    [TestCase(ToolCallFormat.Gemma, "<start_function_call>call:get_weather{city:<escape>Bonn, DE<escape>,days:3}<end_function_call>", "[get_weather{city=\"Bonn, DE\",days=3}]")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:get_weather{city:<|\"|>Bonn", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:get_weather{", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add", "<|tool_call>call:add")]
    [TestCase(ToolCallFormat.Gemma, "The mark <|tool_call> begins a call, <tool_call|> ends it, <|tool_call>call: <|tool_call>call:{} <|tool_call>call:a b too", "The mark <|tool_call> begins a call, <tool_call|> ends it, <|tool_call>call: <|tool_call>call:{} <|tool_call>call:a b too")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add{a:1<tool_call|>x", "<|tool_call>call:add{a:1<tool_call|>x")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add{a:1<|tool_call>call:add{a:2}<tool_call|>", "<|tool_call>call:add{a:1[add{a=2}]")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add{1}<tool_call|> or <|tool_call>call:add{a:<b>} or <|tool_call>call:add{a:]} or <|tool_call>call:add{a:b{c}}", "<|tool_call>call:add{1}<tool_call|> or <|tool_call>call:add{a:<b>} or <|tool_call>call:add{a:]} or <|tool_call>call:add{a:b{c}}")]
    [TestCase(ToolCallFormat.None, "<tool_call>{\"name\": \"add\"}</tool_call>", "<tool_call>{\"name\": \"add\"}</tool_call>")]
    public void EveryFormatIsReadHoweverItIsCut(ToolCallFormat format, string output, string expected) =>
        ParserRun.CheckEverySplit(() => ParserRun.Parser(string.Empty, format), output, expected);

    [TestCase("<think>\nHm, 1 < 2.\n</think>\n\nYes.", "", "(Hm, 1 < 2.)Yes.")]
    [TestCase("Hm.\n</think>\n\nYes.", "<|im_start|>assistant\n<think>\n", "(Hm.)Yes.")]
    [TestCase("<think>\nHm.\n</think>\nYes.", "<think>\n", "(Hm.)Yes.")]
    [TestCase("<think>\n\n</think>\n\nYes. ", "", "Yes. ")]
    [TestCase("<think>never ends", "", "(never ends)")]
    [TestCase("The tag <think> means a </think> b", "", "The tag <think> means a </think> b")]
    [TestCase("<think>a</think><tool_call>{\"name\": \"add\"}</tool_call><think>b</think>c", "", "(a)[add{}](b)c")]
    [TestCase("<think><tool_call>{\"name\": \"add\"}</tool_call></think>c", "", "(<tool_call>{\"name\": \"add\"}</tool_call>)c")]
    [TestCase("Yes.", "<think>\n\n</think>\n\n", "Yes.")]
    public void ReasoningIsKeptApart(string output, string prompt, string expected) =>
        ParserRun.CheckEverySplit(() => ParserRun.Parser(Think, ToolCallFormat.Hermes, prompt), output, expected);

    [TestCase("<|channel>thought\nHm, 1 < 2.\n<channel|>Yes.", "", "(Hm, 1 < 2.)Yes.")]
    [TestCase("<|channel>thought\n<channel|>Yes. ", "", "Yes. ")]
    [TestCase("Hm.\n<channel|>Yes.", "<|channel>thought\n", "(Hm.)Yes.")]
    [TestCase("Yes.", "<|channel>thought\n<channel|>", "Yes.")]
    [TestCase("<|channel>thought\nHm", "", "(Hm)")]
    [TestCase("<|channel>thought\nI could <|tool_call>call:add{}.\n<channel|><|tool_call>call:add{a:1}<tool_call|><|tool_response>", "", "(I could <|tool_call>call:add{}.)[add{a=1}]")]
    public void ThoughtsOfGemmaAreKeptApart(string output, string prompt, string expected) =>
        ParserRun.CheckEverySplit(() => ParserRun.Parser(GemmaTemplate.Source, ToolCallFormat.Gemma, prompt), output, expected);

    /// <summary>A call that only an end of the output ends is carried out when the model ended it, and not when it was cut.</summary>
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>analysis to=python code<|message|>remove('/tmp", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>{\"a\": 1}", "[add{a=1}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>remove('/tmp", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Functionary, "<|python_tag|>remove('/tmp", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.FunctionParameters, "<function=get_weather><parameter=city>Bonn</function>\n", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Hermes, "<tool_call>", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:ad", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.Gemma, "<|tool_call>call:add{a:1", "!incomplete_tool_call!")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>get_weather.call(city=\"Bonn, DE\", days=3)", "[get_weather{city=\"Bonn, DE\",days=3}]")]
    [TestCase(ToolCallFormat.LlamaJson, "<|python_tag|>get_weather.call(city=\"Bonn, DE\", da", "!incomplete_tool_call!")]
    public void ACallThatWasCutIsNotMade(ToolCallFormat format, string output, string expected)
    {
        var parser = ParserRun.Parser(string.Empty, format);
        Assert.That(ParserRun.Describe([.. parser.Push(output), .. parser.Finish(isCut: true)]), Is.EqualTo(expected));
    }

    [TestCase(ToolCallFormat.Hermes, "<tool_call>{\"name\": \"add\"")]
    [TestCase(ToolCallFormat.Harmony, "<|channel|>commentary to=functions.add<|message|>{\"a\"")]
    public void MoreTokensAreAdvisedWhereTheyWereTooFew(ToolCallFormat format, string output)
    {
        Assert.That(Message(isCut: true), Does.EndWith("Allow more output tokens."));
        Assert.That(Message(isCut: false), Does.Not.Contain("tokens").And.Contain("The model itself ended it"));

        string Message(bool isCut)
        {
            var parser = ParserRun.Parser(string.Empty, format);
            parser.Push(output);
            return ((ErrorContent)parser.Finish(isCut).Single()).Message;
        }
    }

    [Test]
    public void MoreCallsThanOneResponseMayHoldAreText()
    {
        var parser = ParserRun.Parser(string.Empty, ToolCallFormat.Harmony);
        const string Call = "<|channel|>commentary to=functions.add<|message|>{\"a\": 1}";
        var calls = string.Concat(Enumerable.Repeat(Call + "<|call|><|start|>assistant", ChatOutputParser.MaximumCalls));
        Assert.That(ParserRun.Describe([.. parser.Push(calls + Call), .. parser.Finish()]), Does.EndWith("[add{a=1}]{\"a\": 1}"));
        Assert.That(parser.CallCount, Is.EqualTo(ChatOutputParser.MaximumCalls));
    }

    [Test]
    public void WrappersOfAnswersAreLeftOut() =>
        ParserRun.CheckEverySplit(() => ParserRun.Parser("<think></think><response></response>", ToolCallFormat.None, hasTools: false), "<think>a</think>\n<response>b c</response>", "(a)b c");

    [Test]
    public void WithoutToolsNothingIsACall() =>
        ParserRun.CheckEverySplit(() => ParserRun.Parser(Think, ToolCallFormat.LlamaJson, hasTools: false), "{\"name\": \"add\", \"parameters\": {}}", "{\"name\": \"add\", \"parameters\": {}}");

    [Test]
    public void TextIsGivenOutAsSoonAsItCannotBeginACall()
    {
        var parser = ParserRun.Parser(Think, ToolCallFormat.Hermes);
        Assert.That(ParserRun.Describe(parser.Push("Hello wor")), Is.EqualTo("Hello wor"));
        Assert.That(ParserRun.Describe(parser.Push("ld <tool")), Is.EqualTo("ld"));
        Assert.That(ParserRun.Describe(parser.Push("box> ")), Is.EqualTo(" <toolbox>"));
        Assert.That(ParserRun.Describe(parser.Push("<tool_call>{\"name\": \"add\", \"arg")), Is.Empty);
        Assert.That(ParserRun.Describe(parser.Push("uments\": {\"a\": 1}}")), Is.EqualTo("[add{a=1}]"), "before the closing tag");
        Assert.That(ParserRun.Describe(parser.Push("</tool_call>")), Is.Empty);
        Assert.That(parser.Finish(), Is.Empty);

        var bare = ParserRun.Parser(Think, ToolCallFormat.LlamaJson);
        Assert.That(ParserRun.Describe(bare.Push("{\"n")), Is.Empty);
        Assert.That(ParserRun.Describe(bare.Push("umber\": 1}")), Is.EqualTo("{\"number\": 1}"));
    }

    [Test]
    public void ModelsIdsAreKeptAndOthersAreNineCharacters()
    {
        var parser = ParserRun.Parser(Think, ToolCallFormat.Mistral);
        var calls = parser.Push("[TOOL_CALLS][{\"name\": \"add\", \"id\": \"abcdef123\"}, {\"name\": \"add\", \"id\": \"abcdef123\"}, {\"name\": \"add\"}]").Cast<FunctionCallContent>().ToList();
        Assert.That(calls[0].CallId, Is.EqualTo("abcdef123"));
        Assert.That(calls.Select(call => call.CallId), Is.Unique.And.All.Match("^[a-zA-Z0-9]{9}$"));
        Assert.That(parser.CallCount, Is.EqualTo(3));

        var later = ParserRun.Parser(Think, ToolCallFormat.Mistral, knownIds: ["abcdef123"]);
        var next = later.Push("[TOOL_CALLS][{\"name\": \"add\", \"id\": \"abcdef123\"}]").Cast<FunctionCallContent>().Single();
        Assert.That(next.CallId, Is.Not.EqualTo("abcdef123").And.Match("^[a-zA-Z0-9]{9}$"), "another call of the conversation has it");
        Assert.That(later.CallCount, Is.EqualTo(1));
    }

    [TestCaseSource(nameof(TemplatesWithCalls))]
    public void WhatATemplateWritesIsReadBack(string name)
    {
        var template = TemplateFixtures.Load(name);
        var calls = new List<AIContent> { new FunctionCallContent("callid001", "get_weather", new Dictionary<string, object?> { ["city"] = "Łódź \"x\" </tool_call>\n", ["days"] = 3 }) };
        if (template.Capabilities.ParallelToolCalls && template.DetectedToolCallFormat != ToolCallFormat.DeepSeek)
        {
            // DeepSeek's template ends the turn between calls, which no output does
            calls.Add(new FunctionCallContent("callid002", "add", new Dictionary<string, object?> { ["a"] = 1, ["b"] = 2.5 }));
        }

        var options = new ChatRenderOptions { Tools = template.Capabilities.Tools ? [TemplateFixtures.Weather, TemplateFixtures.Add] : [], AddGenerationPrompt = false, Unsupported = UnsupportedByTemplate.FoldIn };
        var answered = template.Render([new(ChatRole.User, "Go"), new(ChatRole.Assistant, "answer-needle")], options);
        var before = answered[..answered.IndexOf("answer-needle", StringComparison.Ordinal)];
        var whole = template.Render([new(ChatRole.User, "Go"), new(ChatRole.Assistant, calls)], options);
        var common = 0;
        while (common < Math.Min(before.Length, whole.Length) && before[common] == whole[common])
        {
            common++;
        }

        var output = whole[common..];
        foreach (var end in new[] { "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "</s>", "<｜end▁of▁sentence｜>", "<|START_OF_TURN_TOKEN|>" })
        {
            output = output.Split(end)[0];
        }

        ParserRun.CheckEverySplit(() => ParserRun.Parser(string.Empty, template.DetectedToolCallFormat), output, ParserRun.Describe(calls.Cast<FunctionCallContent>().Select(Normal)));
    }

    [Test]
    public void HostileOutputIsBoundedAndNeverThrows()
    {
        var watch = Stopwatch.StartNew();
        var formats = Enum.GetValues<ToolCallFormat>();
        string[] hostile =
        [
            string.Concat(Enumerable.Repeat("<tool_call>", 20_000)), "<tool_call>" + new string('{', 100_000), "<tool_call>" + new string('[', 100_000) + new string(']', 100_000),
            "<tool_call>{\"a\": \"" + new string('x', 3 << 19), string.Concat(Enumerable.Repeat("<think>", 20_000)), new string(' ', 200_000), new string('<', 100_000), "<function=" + new string('n', 100_000),
            "<function=f><parameter=a>" + string.Concat(Enumerable.Repeat("</tool_call>", 80_000)), "<tool_call>f<arg_key>a</arg_key><arg_value>" + string.Concat(Enumerable.Repeat("</tool_call>", 80_000)),
            "<|python_tag|>add.call(a=\"" + string.Concat(Enumerable.Repeat(",a=", 80_000)) + ")",
            "[TOOL_CALLS]" + new string('n', 100_000), "[TOOL_CALLS][" + string.Concat(Enumerable.Repeat("{\"name\":\"add\"},", 50_000)) + "{\"name\":\"add\"}]", "<|channel|>" + new string('c', 100_000),
            string.Concat(Enumerable.Repeat("<|channel|>final<|message|><|end|><|start|>", 5_000)), "<|python_tag|>" + new string('(', 100_000), "{\"name\": " + new string(' ', 100_000), "<tool_call>\0\uFFFF\uD800{",
            string.Concat(Enumerable.Repeat("<tool_call>{\"name\":\"add\"}</tool_call>", 5_000)), "<｜tool▁call▁begin｜>" + new string('<', 10_000), "Action:```json" + new string('`', 10_000),
            string.Concat(Enumerable.Repeat("<|tool_call>call:", 10_000)), "<|tool_call>call:" + new string('n', 100_000), "<|tool_call>call:f{a:" + new string('[', 100_000), "<|tool_call>call:f{a:<|\"|>" + string.Concat(Enumerable.Repeat("<|\"|", 300_000)),
            "<|tool_call>call:f{a:[" + string.Concat(Enumerable.Repeat("x,", 20_000)) + "]}", "<|tool_call>call:f{" + new string(':', 100_000), "<|tool_call>call:f{a:<|\"|>\0\uFFFF\uD800<|\"|>}", "<|tool_call>call:f{" + new string('}', 100_000),
            "<tool_call>{\"name\":\"add\",\"arguments\":{\"a\":\"\uD800\"}}</tool_call>", "<function=add>\n<parameter=a>\n\uD800</parameter>\n</function>", "<tool_call>add<arg_key>a</arg_key><arg_value>\uD800</arg_value></tool_call>",
            "<|channel|>commentary to=functions.add<|message|>{\"a\":\"\uD800\"}<|call|>", "<|tool_call>call:add{a:\uD800,b:\"\uD800\"}<tool_call|>", "<|python_tag|>add.call(a=\uD800)",
            "<function=find>\n<parameter=text>" + string.Concat(Enumerable.Repeat("\n<parameter=x>", 60_000)), "<function=find>\n<parameter=text>" + string.Concat(Enumerable.Repeat("\n<parameter=", 80_000)) + "</function></tool_call>",
        ];
        foreach (var format in formats)
        {
            foreach (var output in hostile)
            {
                var parser = ParserRun.Parser(Think, format);
                Assert.That(() => ParserRun.Of(parser, output), Throws.Nothing);
                Assert.That(parser.CallCount, Is.LessThanOrEqualTo(2 * ChatOutputParser.MaximumCalls));
            }
        }

        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)), "time grows with the length only");
    }

    [Test]
    public void RandomOutputGivesTheSameHoweverItIsCut()
    {
        var random = new Random(11);
        string[] parts =
        [
            "<tool_call>", "</tool_call>", "{\"name\": \"add\", \"arguments\": {\"a\": 1}}", "<think>", "</think>", " ", "\n", "text", "{", "}", "[", "]", "\"", "<", "[TOOL_CALLS]", "<function=add>", "</function>", "<|python_tag|>",
            "<|channel|>", "final", "analysis", "<|message|>", "<|end|>", "<|start|>assistant", " to=functions.add", "Action:", "```json", "```", "<|tool_call|>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", ";", "<|tool_call>", "call:add", "<|\"|>", "a:", ",", "<tool_call|>",
        ];
        var textsOnly = 0;
        foreach (var format in Enum.GetValues<ToolCallFormat>())
        {
            for (var round = 0; round < 150; round++)
            {
                var output = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => parts[random.Next(parts.Length)]));
                var whole = ParserRun.Of(ParserRun.Parser(Think, format), output);
                Assert.That(ParserRun.Of(ParserRun.Parser(Think, format), output.Select(c => c.ToString())), Is.EqualTo(whole), $"{format}: {output}");
                var cuts = output.Select(_ => random.Next(4)).ToArray();
                Assert.That(ParserRun.Of(ParserRun.Parser(Think, format), Pieces(output, cuts)), Is.EqualTo(whole), $"{format}: {output}");
                var plain = ParserRun.Parser(string.Empty, format);
                var contents = plain.Push(output).Concat(plain.Finish()).ToList();
                if (format != ToolCallFormat.Harmony && contents.TrueForAll(content => content is TextContent))
                {
                    textsOnly++;
                    Assert.That(string.Concat(contents), Is.EqualTo(output), $"{format}: text that is no call stays as it is");
                }
            }
        }

        Assert.That(textsOnly, Is.GreaterThan(500));

        // a cut stands before a character whose number is 0
        static IEnumerable<string> Pieces(string text, int[] cuts)
        {
            var from = 0;
            for (var at = 1; at <= text.Length; at++)
            {
                if (at == text.Length || cuts[at] == 0)
                {
                    yield return text[from..at];
                    from = at;
                }
            }
        }
    }

    private static IEnumerable<string> TemplatesWithCalls() => TemplateFixtures.Names().Where(name => TemplateFixtures.Load(name) is { DetectedToolCallFormat: not ToolCallFormat.None });

    private static FunctionCallContent Normal(FunctionCallContent call) =>
        new(call.CallId, call.Name, call.Arguments!.ToDictionary(pair => pair.Key, pair => (object?)System.Text.Json.JsonDocument.Parse(ChatJson.Write(ChatJson.Node(pair.Value))).RootElement));
}
