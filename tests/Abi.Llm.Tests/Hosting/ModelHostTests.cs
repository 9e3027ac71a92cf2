using Abi.Llm.Chat;
using Abi.Llm.Hosting;
using Abi.Llm.Models;
using Abi.Llm.Sampling;
using Abi.Models.Stories;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Abi.Llm.Tests.Hosting;

/// <summary>Several models under names, in a memory that does not hold all of them. All are the story model, told apart by their context lengths.</summary>
public sealed class ModelHostTests
{
    private const string Plain = "{% for m in messages %}{{ m.content }}{% endfor %}";

    private static readonly GenerationOptions Short = new() { Sampling = SamplingOptions.Greedy, MaximumTokens = 6 };

    private string _folder = null!;

    [OneTimeSetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("abi-hosted-").FullName;

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    /// <summary>A file of a model's own: one that several are made of is counted once.</summary>
    private string FileOf(string name)
    {
        var path = Path.Combine(_folder, $"{name}.gguf");
        if (!File.Exists(path))
        {
            File.Copy(StoriesModel.Path, path);
        }

        return path;
    }

    private ModelHostOptions Options(params string[] names)
    {
        var options = new ModelHostOptions();
        for (var i = 0; i < names.Length; i++)
        {
            var length = 64 * (i + 1);
            options.AddModel(names[i], FileOf(names[i]), model =>
            {
                model.Llm.ContextLength = length;
                model.Llm.CacheTokens = length;
                model.Llm.MaximumRows = 32;
                model.Llm.Chat = new AbiChatClientOptions { Template = ChatTemplate.Parse(Plain) };
                model.Llm.Embeddings = new AbiEmbeddingGeneratorOptions { Embedding = new EmbeddingOptions { Pooling = EmbeddingPooling.Mean } };
                model.Llm.Sampling = SamplingOptions.Greedy;
                model.Llm.MaximumTokens = 5;
            });
        }

        return options;
    }

    private static HostedModelStatus Status(ModelHost host, string name) => host.Models.Single(model => model.Name == name);

    private static string[] Loaded(ModelHost host) => [.. host.Models.Where(model => model.State == HostedModelState.Loaded).Select(model => model.Name)];

    [Test]
    public async Task AModelIsLoadedOnceHoweverManyWantItAtTheSameTime()
    {
        await using var host = new ModelHost(Options("a"));
        Assert.That((host.UsedBytes, Status(host, "a").State), Is.EqualTo((0L, HostedModelState.Unloaded)));
        var leases = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () => await host.AcquireAsync("a"))));
        Assert.That(leases.Select(lease => lease.Model).Distinct().Count(), Is.EqualTo(1));
        Assert.That((Status(host, "a").Loads, Status(host, "a").Requests), Is.EqualTo((1, 20)));
        Assert.That(host.UsedBytes, Is.GreaterThan(leases[0].Model.ByteLength));
        Array.ForEach(leases, lease => lease.Dispose());
        leases[0].Dispose();
        Assert.That((Status(host, "a").Requests, Status(host, "a").State), Is.EqualTo((0, HostedModelState.Loaded)));
        var text = (await host.CompleteAsync("A", "Once upon a time")).Text;
        Assert.That(text, Is.Not.Empty);
        Assert.That(Status(host, "a").Loads, Is.EqualTo(1));
    }

    [Test]
    public async Task TheModelUsedLeastRecentlyMakesRoomUnlessItIsPinnedOrHeld()
    {
        var options = Options("a", "b", "c");
        options.MaximumLoaded = 2;
        await using var host = new ModelHost(options);
        await host.LoadAsync("a");
        await host.LoadAsync("b");
        await host.LoadAsync("a");
        await host.LoadAsync("c");
        Assert.That(Loaded(host), Is.EqualTo(new[] { "a", "c" }), "b was used least recently");
        using (await host.AcquireAsync("a"))
        {
            await host.LoadAsync("c");
            await host.LoadAsync("b");
            Assert.That(Loaded(host), Is.EqualTo(new[] { "a", "b" }), "a is held, though c was used later");
        }

        options = Options("a", "b", "c");
        options.MaximumLoaded = 2;
        options.Models["a"].IsPinned = true;
        await using var pinned = new ModelHost(options);
        await pinned.StartAsync(default);
        Assert.That(Loaded(pinned), Is.EqualTo(new[] { "a" }));
        await pinned.LoadAsync("b");
        await pinned.LoadAsync("c");
        Assert.That(Loaded(pinned), Is.EqualTo(new[] { "a", "c" }));
    }

    [Test]
    public async Task TheBudgetHoldsWhateverIsAskedFor()
    {
        long one;
        await using (var probe = new ModelHost(Options("a", "b", "c", "d")))
        {
            await probe.LoadAsync("d");
            one = probe.UsedBytes;
        }

        var options = Options("a", "b", "c", "d");
        options.MemoryBudget = one * 5 / 2; // two of them, never three
        await using var host = new ModelHost(options);
        var most = 0L;
        var texts = await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
        {
            await Task.Yield();
            using var lease = await host.AcquireAsync("abcd"[(i * 7) % 4].ToString());
            var text = "";
            await foreach (var piece in lease.Model.GenerateAsync("Once upon a time", Short))
            {
                text += piece.Text;
                InterlockedMax(ref most, host.UsedBytes);
            }

            return text;
        }));
        Assert.That(texts.Distinct().Count(), Is.EqualTo(1));
        Assert.That(most, Is.GreaterThanOrEqualTo(one * 3 / 4).And.LessThanOrEqualTo(options.MemoryBudget), "bytes at the same time");
        Assert.That(host.Models.Sum(model => model.Loads), Is.GreaterThanOrEqualTo(4));
        Assert.That(host.Models.Sum(model => model.Requests), Is.Zero);
    }

    [Test]
    public async Task AFileThatTwoModelsAreMadeOfIsCountedOnce()
    {
        long one;
        long file;
        await using (var probe = new ModelHost(Options("a")))
        {
            using var lease = await probe.AcquireAsync("a");
            (one, file) = (probe.UsedBytes, lease.Model.ByteLength);
        }

        var options = Options("a", "b");
        options.Models["b"].Llm.Model = options.Models["a"].Llm.Model;
        options.Models["b"].Llm.ContextLength = options.Models["b"].Llm.CacheTokens = 64;
        options.MemoryBudget = one + (one - file) + (file / 2); // both, if the file is counted once
        options.MemoryTimeout = TimeSpan.Zero;
        await using var host = new ModelHost(options);
        using var first = await host.AcquireAsync("a");
        using var second = await host.AcquireAsync("b");
        Assert.That(Loaded(host), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(host.UsedBytes, Is.EqualTo((2 * one) - file));
        Assert.That(Status(host, "a").Bytes, Is.EqualTo(one));
    }

    [TestCase(1)]
    [TestCase(2)]
    public async Task WhateverIsLoadedAndUnloadedAtRandomTheBudgetHoldsAndEveryTextIsRight(int seed)
    {
        long one;
        string expected;
        await using (var probe = new ModelHost(Options("a", "b", "c", "d")))
        {
            expected = (await probe.CompleteAsync("d", "Once upon a time", Short)).Text;
            one = probe.UsedBytes;
        }

        var options = Options("a", "b", "c", "d").AddAlias("first", "a").AddRoute("any-*", "c");
        options.MemoryBudget = one * 5 / 2;
        options.Models["b"].MaximumRequests = 2;
        await using var host = new ModelHost(options);
        string[] names = ["a", "b", "c", "d", "first", "any-1"];
        using var end = new CancellationTokenSource();
        var most = 0L;
        var watching = Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                InterlockedMax(ref most, host.UsedBytes);
                await Task.Delay(1);
            }
        });
        var counts = new int[6];
        await Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            var random = new Random((seed * 100) + worker);
            for (var turn = 0; turn < 25; turn++)
            {
                var name = names[random.Next(names.Length)];
                var kind = random.Next(6);
                using var patience = new CancellationTokenSource();
                try
                {
                    switch (kind)
                    {
                        case 0:
                            await host.UnloadAsync(name);
                            break;
                        case 1:
                            await host.LoadAsync(name);
                            break;
                        case 2:
                            patience.CancelAfter(random.Next(20));
                            (await host.AcquireAsync(name, patience.Token)).Dispose();
                            break;
                        case 3:
                            // a model of one's own that comes and goes, with somebody who waits for it
                            var own = $"own-{worker}-{turn}";
                            host.Add(own, new HostedModelOptions { Llm = { Model = StoriesModel.Path, ContextLength = 64, CacheTokens = 64, MaximumRows = 32 } });
                            var text = host.CompleteAsync(own, "Once upon a time", Short);
                            if (random.Next(2) == 0)
                            {
                                Assert.That((await text).Text, Is.EqualTo(expected));
                            }

                            await host.RemoveAsync(own);
                            Assert.That(await text.ContinueWith(done => done.IsCompletedSuccessfully ? done.Result.Text : expected, TaskScheduler.Default), Is.EqualTo(expected));
                            break;
                        case 4:
                            patience.CancelAfter(random.Next(30));
                            await host.CompleteAsync(name, "Once upon a time", Short with { MaximumTokens = 40 }, patience.Token);
                            break;
                        default:
                            Assert.That((await host.CompleteAsync(name, "Once upon a time", Short)).Text, Is.EqualTo(expected), name);
                            break;
                    }
                }
                catch (OperationCanceledException) when (patience.IsCancellationRequested)
                {
                }

                Interlocked.Increment(ref counts[kind]);
            }
        })));
        await end.CancelAsync();
        await watching;
        Assert.That(most, Is.GreaterThanOrEqualTo(one).And.LessThanOrEqualTo(options.MemoryBudget), "bytes at the same time");
        Assert.That(host.Models.Select(model => (model.Requests, model.Waiting)), Is.All.EqualTo((0, 0)));
        Assert.That(host.UsedBytes, Is.EqualTo(host.Models.Sum(model => model.Bytes)), "nothing is left of those taken out");
        await Task.WhenAll(names.Select(name => host.UnloadAsync(name)));
        Assert.That((host.UsedBytes, Loaded(host).Length), Is.EqualTo((0L, 0)));
        Assert.That(counts, Is.All.GreaterThan(20));
    }

    [Test]
    public async Task AModelThatDoesNotFitIsRefusedAndOneThatMustWaitWaits()
    {
        var options = Options("a", "b");
        options.MemoryBudget = 1 << 20;
        await using (var host = new ModelHost(options))
        {
            var error = Assert.ThrowsAsync<ModelMemoryException>(async () => await host.LoadAsync("a"));
            Assert.That((error!.Name, error.BudgetBytes), Is.EqualTo(("a", 1L << 20)));
            Assert.That(error.NeededBytes, Is.GreaterThan(1 << 20));
            Assert.That((Status(host, "a").State, host.UsedBytes), Is.EqualTo((HostedModelState.Unloaded, 0L)));
        }

        options = Options("a", "b");
        options.MaximumLoaded = 1;
        options.MemoryTimeout = TimeSpan.Zero;
        await using (var host = new ModelHost(options))
        using (await host.AcquireAsync("a"))
        {
            Assert.That(async () => await host.AcquireAsync("b"), Throws.TypeOf<ModelMemoryException>().With.Message.Contains("hold"));
        }

        options.MemoryTimeout = null;
        await using (var host = new ModelHost(options))
        {
            var lease = await host.AcquireAsync("a");
            var other = host.AcquireAsync("b").AsTask();
            using var patience = new CancellationTokenSource(30);
            Assert.That(async () => await host.AcquireAsync("b", patience.Token), Throws.InstanceOf<OperationCanceledException>());
            Assert.That(other.IsCompleted, Is.False);
            lease.Dispose();
            (await other).Dispose();
            Assert.That(Loaded(host), Is.EqualTo(new[] { "b" }));
        }
    }

    [Test]
    public async Task ALoadThatNobodyWaitsForAnyMoreIsGivenUp()
    {
        var options = Options("a", "b");
        options.MaximumLoaded = 1;
        await using var host = new ModelHost(options);
        using var lease = await host.AcquireAsync("a");
        using var stop = new CancellationTokenSource();
        var first = host.AcquireAsync("b", stop.Token).AsTask();
        var second = host.AcquireAsync("b", stop.Token).AsTask();
        await stop.CancelAsync();
        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await second, Throws.InstanceOf<OperationCanceledException>());
        for (var i = 0; Status(host, "b").State != HostedModelState.Unloaded && i < 500; i++)
        {
            await Task.Delay(10);
        }

        Assert.That((Status(host, "b").State, Status(host, "b").Requests), Is.EqualTo((HostedModelState.Unloaded, 0)));
        lease.Dispose();
        await host.LoadAsync("b");
        Assert.That(Loaded(host), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public async Task AliasesAndRulesLeadToModels()
    {
        var options = Options("small", "large")
            .AddAlias("gpt", "big").AddAlias("big", "large")
            .AddRoute("embed-*", "small")
            .AddRoute(request => request.Purpose == ModelPurpose.Chat && request.Messages.Sum(message => message.Text.Length) > 40 ? "large" : null)
            .AddRoute("?", "large");
        options.Default = "small";
        await using var host = new ModelHost(options);
        string Route(string? name, params string[] messages) => host.Route(new ModelRouteContext { Name = name, Purpose = ModelPurpose.Chat, Messages = [.. messages.Select(text => new ChatMessage(ChatRole.User, text))] });
        Assert.Multiple(() =>
        {
            Assert.That(Route("SMALL", new string('x', 100)), Is.EqualTo("small"), "a model's own name comes first");
            Assert.That(Route("gpt"), Is.EqualTo("large"));
            Assert.That(Route("embed-x"), Is.EqualTo("small"));
            Assert.That(Route(null, "short"), Is.EqualTo("small"));
            Assert.That(Route(null, new string('x', 100)), Is.EqualTo("large"));
            Assert.That(Route("x"), Is.EqualTo("large"));
            Assert.That(() => Route("unknown"), Throws.TypeOf<UnknownModelException>().With.Message.Contains("large, small"));
        });
        Assert.That(Status(host, "large").Aliases, Is.EqualTo(new[] { "big", "gpt" }));

        // what loads a model unloads it
        foreach (var (name, model) in new[] { ("SMALL", "small"), ("gpt", "large"), ("embed-x", "small") })
        {
            await host.LoadAsync(name);
            Assert.That(Loaded(host), Is.EqualTo(new[] { model }), name);
            await host.UnloadAsync(name);
            Assert.That(Loaded(host), Is.Empty, name);
        }

        Assert.That(() => host.UnloadAsync("unknown"), Throws.TypeOf<UnknownModelException>().With.Message.Contains("large, small"));
    }

    [Test]
    public void WhatLeadsNowhereIsSaidAtOnce()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => new ModelHost(Options("a").AddAlias("b", "c")), Throws.ArgumentException.With.Message.Contains("Aliases:b"));
            Assert.That(() => new ModelHost(Options("a").AddAlias("b", "c").AddAlias("c", "b")), Throws.ArgumentException.With.Message.Contains("Aliases:b"));
            Assert.That(() => new ModelHost(Options("a").AddAlias("A", "a")), Throws.ArgumentException.With.Message.Contains("Aliases:A"));
            Assert.That(() => new ModelHost(Options("a").AddRoute("*", "z")), Throws.ArgumentException.With.Message.Contains("Routes:0"));
            Assert.That(() => new ModelHost(new ModelHostOptions { Default = "x" }), Throws.ArgumentException.With.Message.Contains("Default"));
            Assert.That(() => new ModelHost(new ModelHostOptions { MemoryBudget = 0 }), Throws.ArgumentException.With.Message.Contains("MemoryBudget"));
            Assert.That(() => new ModelHost(new ModelHostOptions()).GetChatClient("x"), Throws.TypeOf<UnknownModelException>());
        });
    }

    [Test]
    public async Task AFailedLoadIsToldToAllAndTriedAgain()
    {
        var path = Path.Combine(Path.GetTempPath(), $"abi-host-{Guid.NewGuid():N}.gguf");
        await using var host = new ModelHost(new ModelHostOptions().AddModel("a", path));
        var errors = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Assert.ThrowsAsync<AbiException>(async () => await host.AcquireAsync("a")))));
        Assert.That(errors, Is.All.Message.Contains(path));
        try
        {
            File.Copy(StoriesModel.Path, path);
            await host.LoadAsync("a");
            Assert.That(Status(host, "a"), Has.Property("Loads").EqualTo(1).And.Property("Requests").Zero);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public async Task AModelsOwnLimitsHold()
    {
        var options = Options("a");
        options.Models["a"].MaximumRequests = 2;
        options.Models["a"].MaximumWaiting = 1;
        await using var host = new ModelHost(options);
        var first = await host.AcquireAsync("a");
        var second = await host.AcquireAsync("a");
        using var stop = new CancellationTokenSource();
        var cancelled = host.AcquireAsync("a", stop.Token).AsTask();
        var error = Assert.ThrowsAsync<QueueFullException>(async () => await host.AcquireAsync("a"));
        Assert.That((error!.Limit, Status(host, "a").Waiting), Is.EqualTo((1, 1)));
        await stop.CancelAsync();
        Assert.That(async () => await cancelled, Throws.InstanceOf<OperationCanceledException>());
        var third = host.AcquireAsync("a").AsTask();
        Assert.That((third.IsCompleted, Status(host, "a").Requests), Is.EqualTo((false, 2)));
        first.Dispose();
        (await third).Dispose();
        second.Dispose();
        Assert.That((Status(host, "a").Requests, Status(host, "a").Waiting), Is.EqualTo((0, 0)));
    }

    [Test]
    public async Task AModelThatNobodyUsesGoesAfterAWhile()
    {
        var options = Options("a", "b");
        options.KeepAlive = TimeSpan.FromMinutes(5);
        options.Models["b"].IsPinned = true;
        var clock = new ManualClock();
        await using var host = new ModelHost(options, timeProvider: clock);
        await host.StartAsync(default);
        await host.LoadAsync("a");
        clock.Advance(TimeSpan.FromMinutes(4));
        using (await host.AcquireAsync("a"))
        {
            clock.Advance(TimeSpan.FromMinutes(4));
            Assert.That(Loaded(host), Is.EqualTo(new[] { "a", "b" }), "it was used in between, and is held");
        }

        clock.Advance(TimeSpan.FromMinutes(4.9));
        Assert.That(Loaded(host), Is.EqualTo(new[] { "a", "b" }));
        clock.Advance(TimeSpan.FromMinutes(0.2));
        await host.UnloadAsync("a");
        Assert.That(Loaded(host), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public async Task ModelsAreAddedUnloadedAndRemovedWhileTheHostRuns()
    {
        await using var host = new ModelHost(Options("a"));
        host.Add("b", new HostedModelOptions { Llm = { Model = StoriesModel.Path, ContextLength = 64 } });
        Assert.That(() => host.Add("B", new HostedModelOptions { Llm = { Model = "x" } }), Throws.ArgumentException);
        Assert.That(() => host.Add("c", new HostedModelOptions()), Throws.ArgumentException);
        var lease = await host.AcquireAsync("b");
        var removing = host.RemoveAsync("b");
        Assert.That(async () => await host.AcquireAsync("b"), Throws.TypeOf<UnknownModelException>());
        Assert.That((await lease.Model.CompleteAsync("Once", Short)).Text, Is.Not.Empty, "who holds it keeps it");
        Assert.That(removing.IsCompleted, Is.False);
        lease.Dispose();
        await removing;
        Assert.That(host.UsedBytes, Is.Zero);
        Assert.That(() => lease.Model.Start("x"), Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>The first request's load fails, and before that request gives its place to the next one, which will load, the model is removed.</summary>
    [Test]
    public async Task AModelThatIsRemovedBeforeARequestLoadsItIsUnloadedBehindIt()
    {
        var soon = TimeSpan.FromSeconds(20);
        var path = Path.Combine(_folder, "late.gguf");
        using var isQueued = new ManualResetEventSlim();
        Task? removing = null;
        ModelHost? host = null;
        var options = new ModelHostOptions();
        options.AddModel("late", path, static model =>
        {
            model.Llm.ContextLength = 64;
            model.MaximumRequests = 1;
        });
        await using var made = host = new ModelHost(options, new FailureListener(() =>
        {
            isQueued.Wait(soon);
            File.Copy(StoriesModel.Path, path);
            removing = host!.RemoveAsync("late");
        }));
        var first = host.AcquireAsync("late").AsTask();
        var second = host.AcquireAsync("late").AsTask();
        isQueued.Set();
        Assert.That(() => first.WaitAsync(soon), Throws.InstanceOf<AbiException>());
        LanguageModel model;
        using (var lease = await second.WaitAsync(soon))
        {
            model = lease.Model;
            Assert.That(removing!.IsCompleted, Is.False);
            Assert.That(host.UsedBytes, Is.Positive, "it is in memory");
        }

        await removing.WaitAsync(soon);
        Assert.That(() => model.Start("a"), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(host.UsedBytes, Is.Zero);
    }

    private sealed class FailureListener(Action onFailure) : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (exception is not null)
            {
                onFailure();
            }
        }
    }

    [Test]
    public async Task ClientsHoldTheirModelWhileARequestRuns()
    {
        var options = Options("small", "large").AddAlias("gpt", "large");
        options.MaximumLoaded = 1;
        options.Default = "small";
        await using var host = new ModelHost(options);
        var client = host.GetChatClient();
        Assert.That(Loaded(host), Is.Empty, "a client loads nothing");
        var response = await client.GetResponseAsync("Once upon a time");
        Assert.That((response.ModelId, response.Usage!.OutputTokenCount), Is.EqualTo(("small", (long?)5)));
        await foreach (var update in client.GetStreamingResponseAsync("Once upon a time", new() { ModelId = "gpt" }))
        {
            Assert.That(update.ModelId, Is.EqualTo("large"));
            Assert.That(Status(host, "large").Requests, Is.EqualTo(1));
        }

        Assert.That((Loaded(host), Status(host, "large").Requests), Is.EqualTo((new[] { "large" }, 0)));
        Assert.That((await host.GetEmbeddingGenerator("small").GenerateAsync(["A cat"], new() { ModelId = "small" }))[0].Vector.Length, Is.EqualTo(256));
        Assert.That((client.GetService(typeof(ModelHost)), host.GetChatClient("gpt").GetService<ChatClientMetadata>()!.DefaultModelId), Is.EqualTo((host, "gpt")));
    }

    [Test]
    public async Task TheBuilderHostsModelsFromCodeAndConfigurationAndUnderKeys()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Abi:ModelHost:Models:configured-1.5:Model"] = StoriesModel.Path,
            ["Abi:ModelHost:Models:configured-1.5:ContextLength"] = "96",
            ["Abi:ModelHost:Models:configured-1.5:IsPinned"] = "true",
            ["Abi:ModelHost:Models:configured-1.5:ChatTemplate"] = Plain,
            ["Abi:ModelHost:Models:configured-1.5:MaximumTokens"] = "4",
            ["Abi:ModelHost:Aliases:other"] = "keyed",
            ["Abi:ModelHost:Routes:0:Pattern"] = "gpt-*",
            ["Abi:ModelHost:Routes:0:Target"] = "configured-1.5",
            ["Abi:ModelHost:MemoryBudget"] = "2 GB",
            ["Abi:ModelHost:KeepAlive"] = "00:10:00",
        });
        builder.Services.AddAbi(abi => abi
            .AddModelHost(models => models.AddModel("coded", StoriesModel.Path, model => model.Llm.ContextLength = 64).Default = "configured-1.5")
            .AddKeyedLlm("keyed", llm =>
            {
                llm.Model = StoriesModel.Path;
                llm.ContextLength = 128;
                llm.ChatTemplate = Plain;
                llm.MaximumTokens = 3;
            }));
        using var application = builder.Build();
        await application.StartAsync();
        var abi = application.Services.GetRequiredService<AbiFramework>();
        Assert.That(abi.ModelHost.Models.Select(model => model.Name), Is.EqualTo(new[] { "coded", "configured-1.5", "keyed" }));
        Assert.That(Loaded(abi.ModelHost), Is.EqualTo(new[] { "configured-1.5" }), "pinned");
        Assert.That((await application.Services.GetRequiredService<IChatClient>().GetResponseAsync("Once")).ModelId, Is.EqualTo("configured-1.5"));
        Assert.That((await application.Services.GetRequiredKeyedService<IChatClient>("gpt-9").GetResponseAsync("Once")).Usage!.OutputTokenCount, Is.EqualTo(4));
        Assert.That((await application.Services.GetRequiredKeyedService<IChatClient>("keyed").GetResponseAsync("Once")).Usage!.OutputTokenCount, Is.EqualTo(3));
        Assert.That((await application.Services.GetRequiredKeyedService<IChatClient>("other").GetResponseAsync("Once")).ModelId, Is.EqualTo("keyed"));
        Assert.That(Status(abi.ModelHost, "keyed"), Has.Property("Loads").EqualTo(1).And.Property("Requests").Zero);
        Assert.That(application.Services.GetRequiredKeyedService<LanguageModel>("keyed").ContextLength, Is.EqualTo(128));
        Assert.That(Status(abi.ModelHost, "keyed"), Has.Property("Loads").EqualTo(1).And.Property("Requests").EqualTo(1), "an injected model is held");
        Assert.That((await abi.HealthAsync())["ModelHost"].Description, Does.Contain("2 of 3 models loaded (configured-1.5, keyed)"));
        await application.StopAsync();
        Assert.That(abi.ModelHost.UsedBytes, Is.Zero);
        Assert.That(() => abi.ModelHost.LoadAsync("coded"), Throws.InvalidOperationException);
    }

    [TestCase("Models:a:MaximumRequests", "0")]
    [TestCase("Models:a.b:ContextLength", "-1")]
    [TestCase("Models:a:Contextlenth", "1")]
    [TestCase("Models:a:Model", "")]
    [TestCase("Routes:0:Patern", "x")]
    [TestCase("Aliases:x", "nobody")]
    [TestCase("MemoryBudget", "much")]
    [TestCase("KeepAlive", "soon")]
    [TestCase("Budget", "1")]
    public void AWrongValueNamesItsKey(string key, string value)
    {
        var values = new Dictionary<string, string?> { ["Abi:ModelHost:Models:a:Model"] = "m", ["Abi:ModelHost:Models:a.b:Model"] = "m", [$"Abi:ModelHost:{key}"] = value };
        var builder = AbiBuilder.Create().UseConfiguration(new ConfigurationBuilder().AddInMemoryCollection(values).Build()).AddModelHost();
        Assert.That(async () => await builder.BuildAsync(), Throws.TypeOf<AbiOptionsException>().With.Message.Contains($"Abi:ModelHost:{key}"));
    }

    private static void InterlockedMax(ref long most, long value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private readonly List<Timer> _timers = [];
        private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now;

        public void Advance(TimeSpan time)
        {
            _now += time;
            foreach (var timer in _timers.Where(timer => timer.Due <= _now).ToList())
            {
                timer.Due = DateTimeOffset.MaxValue;
                timer.Callback();
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Timer(this, () => callback(state));
            timer.Change(dueTime, period);
            _timers.Add(timer);
            return timer;
        }

        private sealed class Timer(ManualClock clock, Action callback) : ITimer
        {
            public Action Callback => callback;

            public DateTimeOffset Due { get; set; } = DateTimeOffset.MaxValue;

            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                Due = dueTime == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue : clock._now + dueTime;
                return true;
            }

            public void Dispose() => clock._timers.Remove(this);

            public ValueTask DisposeAsync()
            {
                Dispose();
                return default;
            }
        }
    }
}
