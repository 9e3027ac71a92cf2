// Tools through IChatClient: the model asks for a function, the loop calls it, and the model goes on with the result.
//   dotnet run -c Release --project samples/Tools -- qwen3.gguf "Pick some apples." any chat model that knows tools
//   dotnet run -c Release --project samples/Tools                                      the story model, which was never taught them: it is led into a call
using System.ComponentModel;
using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;
using Abi.Models.Stories;
using Microsoft.Extensions.AI;

[Description("Picks apples from the tree.")]
static string PickApples([Description("How many.")] int count) => $"Tom picked {count} red apples and put them in a basket.";

var isStory = args.Length == 0;
await using var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path);
var settings = !isStory ? new AbiChatClientOptions() : new AbiChatClientOptions
{
    Template = ChatTemplate.Parse("{% for message in messages %}{{ message.content }} {% endfor %}", model.Tokenizer),
    Unsupported = UnsupportedByTemplate.PassThrough,
};
using var client = model.AsChatClient(settings).WithToolLoop(new ToolLoopOptions { MaximumRounds = 3, CallTimeout = TimeSpan.FromSeconds(5) });

var round = 0;
var options = new ChatOptions { Tools = [AIFunctionFactory.Create(PickApples, "pick_apples")], Temperature = 0.3f, Seed = 5 };
if (isStory)
{
    options.MaxOutputTokens = 60;
    options.StopSequences = ["\n\n"];
    options.RawRepresentationFactory = _ => new GenerationOptions { Sampling = new SamplingOptions { Processors = round++ == 0 ? [new CallWriter(model.Tokenizer)] : [] } };
}

await foreach (var update in client.GetStreamingResponseAsync(isStory ? "Tom and his mom went to the garden. They saw a big apple tree." : string.Join(' ', args[1..]), options))
{
    foreach (var content in update.Contents)
    {
        Console.Write(content switch
        {
            FunctionCallContent call => $"\n[the model calls {call.Name}({string.Join(", ", call.Arguments!.Select(argument => $"{argument.Key}: {argument.Value}"))})]\n",
            FunctionResultContent result => $"[the function says: {result.Result}]\n",
            TextContent text => text.Text,
            _ => "",
        });
    }
}

Console.WriteLine();

/// <summary>Writes a call for a model that cannot: all but the number, which is the model's own choice.</summary>
internal sealed class CallWriter(Tokenizer tokenizer) : ILogitProcessor
{
    private readonly int[] _before = tokenizer.Encode("<tool_call>\n{\"name\": \"pick_apples\", \"arguments\": {\"count\":", addSpecial: false);
    private readonly int[] _after = [.. tokenizer.Encode("}}\n</tool_call>", addSpecial: false), tokenizer.EndId!.Value];
    private int _start = -1;

    public void Process(ReadOnlySpan<int> history, Span<float> logits)
    {
        _start = _start < 0 ? history.Length : _start;
        var next = history.Length - _start;
        for (var id = 0; id < logits.Length; id++)
        {
            var isAllowed = next < _before.Length ? id == _before[next] : next > _before.Length ? id == _after[next - _before.Length - 1] : IsNumber(tokenizer.TokenBytes(id));
            logits[id] = isAllowed ? logits[id] : float.NegativeInfinity;
        }
    }

    private static bool IsNumber(ReadOnlySpan<byte> word) => word is [>= (byte)'2' and <= (byte)'9'];
}
