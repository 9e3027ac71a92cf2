using Abi.Llm.Chat;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Engine;
using Abi.Llm.Tokenizers;
using Abi.Testing;
using Microsoft.Extensions.AI;

namespace Abi.Llm.Tests.Chat;

/// <summary>The whole way with a real model: template, tokens, engine, parser, updates.</summary>
public sealed class StoriesChatTests
{
    private const string Plain = "{% for m in messages %}{{ m.content }}{% endfor %}";

    [Test]
    public async Task AResponseIsWhatTheModelGeneratesAfterTheRenderedPrompt()
    {
        await using var model = await TestModels.LoadAsync("stories", "stories260K.f32.gguf");
        var client = model.AsChatClient(new AbiChatClientOptions { Template = ChatTemplate.Parse(Plain, model.Tokenizer), ModelId = "stories" });
        var greedy = new ChatOptions { Temperature = 0, MaxOutputTokens = 40 };
        var expected = await model.CompleteAsync("Once upon a time", new GenerationOptions { MaximumTokens = 40, Sampling = SamplingOptions.Greedy });
        var response = await client.GetResponseAsync("Once upon a time", greedy);
        Assert.That(response.Text, Is.EqualTo(expected.Text));
        Assert.That(response.FinishReason, Is.EqualTo(ChatFinishReason.Length));
        Assert.That((response.Usage!.InputTokenCount, response.Usage.OutputTokenCount), Is.EqualTo(((long?)expected.Outcome.Usage.PromptTokens, (long?)40)));
        Assert.That(response.ModelId, Is.EqualTo("stories"));

        var streamed = await client.GetStreamingResponseAsync("Once upon a time", greedy).ToChatResponseAsync();
        Assert.That(streamed.Text, Is.EqualTo(expected.Text));
        Assert.That(client.GetService<LanguageModel>(), Is.SameAs(model));
        Assert.That(client.GetService<Tokenizer>(), Is.SameAs(model.Tokenizer));
    }

    [Test]
    public async Task StopSequencesSeedsAndTheContextAreKept()
    {
        await using var model = await TestModels.LoadAsync("stories", "stories260K.f32.gguf");
        var client = model.AsChatClient(new AbiChatClientOptions { Template = ChatTemplate.Parse(Plain, model.Tokenizer) });
        var stopped = await client.GetResponseAsync("Once upon a time", new() { Temperature = 0, StopSequences = ["."] });
        Assert.That(stopped.Text, Is.Not.Empty.And.Not.Contain("."));
        Assert.That(stopped.FinishReason, Is.EqualTo(ChatFinishReason.Stop));

        var first = await client.GetResponseAsync("Once", new() { Temperature = 1, MaxOutputTokens = 20 });
        var again = await client.GetResponseAsync("Once", new() { Temperature = 1, MaxOutputTokens = 20, Seed = (long)first.AdditionalProperties!["seed"]! });
        Assert.That(again.Text, Is.EqualTo(first.Text), "the seed that was used is reported");

        var whole = await client.GetResponseAsync("Once upon a time", new() { Temperature = 0, AdditionalProperties = new() { ["ignore_eos"] = true } });
        Assert.That(whole.FinishReason, Is.EqualTo(ChatFinishReason.Length));
        Assert.That(whole.Usage!.TotalTokenCount, Is.EqualTo(model.ContextLength), "a response ends with the context");
        Assert.That(() => client.GetResponseAsync(string.Concat(Enumerable.Repeat("once upon a time ", 400))), Throws.TypeOf<ContextFullException>());
    }

    [Test]
    public async Task AModelWithoutATemplateSaysWhatToDo()
    {
        await using var model = await TestModels.LoadAsync("stories", "stories260K.f32.gguf");
        Assert.That(() => model.AsChatClient(), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("tokenizer.chat_template").And.Message.Contains("ChatTemplate.Parse"));
    }

    [Test]
    public void VariantsAreFoundByName()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "phi-3.gguf"));
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var metadata = file.Metadata.Without("tokenizer.chat_template").With("tokenizer.chat_template.tool_use", GgufValue.Of("{{ bos_token }}tools"));
        Assert.That(ChatTemplate.Variants(metadata), Is.EqualTo(new[] { "tool_use" }));
        Assert.That(ChatTemplate.FromMetadata(metadata, tokenizer, "tool_use").Render([new(ChatRole.User, "x")], new ChatRenderOptions { Unsupported = UnsupportedByTemplate.PassThrough }), Is.EqualTo("<s>tools"));
        Assert.That(() => ChatTemplate.FromMetadata(metadata, tokenizer), Throws.TypeOf<ChatTemplateException>().With.Message.Contains("tool_use"));
    }

    [Test]
    public void OnlyTheControlTokensThatTheParserReadsAreShown()
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "phi-3.gguf"));
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        var assistant = tokenizer.Encode("<|assistant|>", addSpecial: false, parseSpecial: true).Single();
        var system = tokenizer.Encode("<|system|>", addSpecial: false, parseSpecial: true).Single();
        var detokenizer = new Detokenizer(tokenizer, includeSpecial: false, [assistant]);
        var buffer = new byte[256];
        Assert.That(detokenizer.Append(system, buffer), Is.Zero);
        Assert.That(System.Text.Encoding.UTF8.GetString(buffer, 0, detokenizer.Append(assistant, buffer)), Is.EqualTo("<|assistant|>"));
    }
}
