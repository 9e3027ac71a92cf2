// A conversation through IChatClient: streamed, with history, usage and the model's own chat template.
//   dotnet run -c Release --project samples/Chat                              the story model, with a template given here
//   dotnet run -c Release --project samples/Chat -- qwen3.gguf "Who are you?"  any chat model, with its own
using Abi.Llm;
using Abi.Llm.Chat;
using Abi.Models.Stories;
using Microsoft.Extensions.AI;

await using var model = await LanguageModel.LoadAsync(args.FirstOrDefault() ?? StoriesModel.Path);
string[] turns = args.Length > 1 ? args[1..] : ["Once upon a time there was a small cat.", "The next day the cat met a dog."];

// The story model was not trained to chat: it continues whatever stands there, so its template only puts the messages one after another.
using var client = model.AsChatClient(new AbiChatClientOptions
{
    Template = args.Length == 0 ? ChatTemplate.Parse("{% for message in messages %}{{ message.content | trim }} {% endfor %}", model.Tokenizer) : null,
});
var options = new ChatOptions { Temperature = 0.5f, Seed = 5, MaxOutputTokens = args.Length == 0 ? 60 : null, StopSequences = args.Length == 0 ? ["\n"] : null };
List<ChatMessage> history = [];
foreach (var turn in turns)
{
    Console.WriteLine($"> {turn}");
    history.Add(new ChatMessage(ChatRole.User, turn));
    List<ChatResponseUpdate> updates = [];
    await foreach (var update in client.GetStreamingResponseAsync(history, options))
    {
        foreach (var content in update.Contents)
        {
            Console.Write(content switch { TextReasoningContent reasoning => $"({reasoning.Text})", TextContent text => text.Text, _ => "" });
        }

        updates.Add(update);
    }

    var response = updates.ToChatResponse();
    history.AddMessages(response);
    Console.WriteLine($"\n[{response.FinishReason}: {response.Usage!.InputTokenCount} tokens in, {response.Usage.CachedInputTokenCount} of them known before, {response.Usage.OutputTokenCount} out]");
}
