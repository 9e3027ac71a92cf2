// Tools through IChatClient: the model asks for a function, the loop calls it, and the model goes on with the result.
//   dotnet run -c Release --project samples/Tools -- qwen3.gguf "Pick some apples." any chat model that knows tools
//   dotnet run -c Release --project samples/Tools                                      the story model, which was never taught them: a call is required of it
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Models.Stories;
using Microsoft.Extensions.AI;

[Description("Picks apples from the tree.")]
static string PickApples([Description("How many."), Range(2, 9)] int count) => $"Tom picked {count} red apples and put them in a basket.";

var isStory = args.Length == 0;
await using var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path);
var settings = !isStory ? new AbiChatClientOptions() : new AbiChatClientOptions
{
    Template = ChatTemplate.Parse("{% for message in messages %}{{ message.content }} {% endfor %}", model.Tokenizer),
    Unsupported = UnsupportedByTemplate.PassThrough,
};
using var client = model.AsChatClient(settings).WithToolLoop(new ToolLoopOptions { MaximumRounds = 3, CallTimeout = TimeSpan.FromSeconds(5) });

// A required call holds the model to the function's name and to the types of its parameters; what it passes is its own choice. In the round after it the model is free to answer.
var options = new ChatOptions { Tools = [AIFunctionFactory.Create(PickApples, "pick_apples")], Temperature = 0.3f, Seed = 5 };
if (isStory)
{
    (options.ToolMode, options.AllowMultipleToolCalls, options.MaxOutputTokens, options.StopSequences) = (ChatToolMode.RequireAny, false, 60, ["\n\n"]);
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
