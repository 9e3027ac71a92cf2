using Abi.Llm.Chat;
using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Abi.Models.Stories;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Abi.Llm.Tests.Chat;

/// <summary>The interfaces of Microsoft.Extensions.AI, injected.</summary>
public sealed class ChatServicesTests
{
    private const string Plain = "{% for m in messages %}{{ m.content }}{% endfor %}";

    [Test]
    public async Task AHostInjectsClientAndGenerator()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddAbi(abi => abi.AddLlm(llm =>
        {
            llm.Model = StoriesModel.Path;
            llm.ChatTemplate = Plain;
            llm.MaximumTokens = 7;
            llm.Sampling = SamplingOptions.Greedy;
            llm.Embeddings = new AbiEmbeddingGeneratorOptions { Embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean } };
        }));
        using var host = builder.Build();
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IChatClient>();
        Assert.That(host.Services.GetRequiredService<AbiChatClient>(), Is.SameAs(client));
        var response = await client.GetResponseAsync("Once upon a time");
        Assert.That(response.Usage!.OutputTokenCount, Is.EqualTo(7), "the feature's defaults are the client's");
        Assert.That(response.Text, Is.EqualTo((await host.Services.GetRequiredService<LlmFeature>().CompleteAsync("Once upon a time")).Text));
        var generator = host.Services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();
        Assert.That((await generator.GenerateAsync(["A dog"]))[0].Vector.Length, Is.EqualTo(256));
        await host.StopAsync();
        Assert.That(() => client.GetResponseAsync("Once"), Throws.InvalidOperationException.With.Message.Contains("unloaded"));
        await host.Services.GetRequiredService<AbiFramework>().StartAsync();
        Assert.That((await client.GetResponseAsync("Once upon a time")).Text, Is.EqualTo(response.Text), "the client goes on with the model that is loaded anew");
    }

    [Test]
    public async Task SeveralModelsAreInjectedByKey()
    {
        var services = new ServiceCollection();
        foreach (var key in new[] { "small", "other" })
        {
            services.AddAbi(abi => abi.AddKeyedLlm(key, llm =>
            {
                llm.Model = StoriesModel.Path;
                llm.ContextLength = key == "small" ? 64 : 128;
                llm.Chat = new AbiChatClientOptions { ModelId = key, Template = ChatTemplate.Parse(Plain) };
            }));
        }

        await using var provider = services.BuildServiceProvider();
        var small = provider.GetRequiredKeyedService<IChatClient>("small");
        var other = provider.GetRequiredKeyedService<IChatClient>("other");
        Assert.That((small.GetService<ChatClientMetadata>()!.DefaultModelId, other.GetService<ChatClientMetadata>()!.DefaultModelId), Is.EqualTo(("small", "other")));
        Assert.That((small.GetService<LanguageModel>()!.ContextLength, other.GetService<LanguageModel>()!.ContextLength), Is.EqualTo((64, 128)));
        Assert.That(provider.GetRequiredKeyedService<LanguageModel>("small"), Is.SameAs(small.GetService<LanguageModel>()));
        Assert.That(provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("small"), Is.Not.SameAs(provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>("other")));
        Assert.That(provider.GetService<IChatClient>(), Is.Null, "nothing is registered without a key");
        Assert.That((await small.GetResponseAsync("Once", new() { MaxOutputTokens = 3, ModelId = "small" })).ModelId, Is.EqualTo("small"));
    }

    [Test]
    public async Task WhatAProgramRegisteredItselfStays()
    {
        using var own = ScriptedBackend.Client(new ScriptedBackend("x"));
        var services = new ServiceCollection();
        services.AddSingleton<IChatClient>(own);
        services.AddAbi(abi => abi.AddLlm(llm => llm.Model = StoriesModel.Path));
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<IChatClient>(), Is.SameAs(own));
    }

    [Test]
    public async Task AMissingTemplateAndAMissingFileSayWhatToDo()
    {
        var services = new ServiceCollection();
        services.AddAbi(abi => abi.AddLlm(llm => llm.Model = StoriesModel.Path));
        await using var provider = services.BuildServiceProvider();
        Assert.That(() => provider.GetRequiredService<IChatClient>(), Throws.TypeOf<ChatTemplateException>());

        var missing = new ServiceCollection();
        missing.AddAbi(abi => abi.AddLlm(llm => (llm.Model, llm.ChatTemplate) = (StoriesModel.Path, "no/such/file.jinja")));
        await using var other = missing.BuildServiceProvider();
        Assert.That(() => other.GetRequiredService<IChatClient>(), Throws.TypeOf<AbiException>().With.Message.Contains("no/such/file.jinja"));
    }
}
