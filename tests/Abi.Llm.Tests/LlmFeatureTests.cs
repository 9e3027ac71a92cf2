using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Models.Stories;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Abi.Llm.Tests;

/// <summary>The feature as programs use it, on the embedded story model.</summary>
public sealed class LlmFeatureTests
{
    private const string Prompt = "Once upon a time";

    private static GenerationOptions Short => new() { Sampling = SamplingOptions.Greedy, MaximumTokens = 12 };

    [Test]
    public async Task TheBuilderMakesAModelThatGenerates()
    {
        await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.Model = StoriesModel.Path).BuildAsync();
        var text = "";
        await foreach (var piece in abi.Llm.GenerateAsync(Prompt, Short))
        {
            text += piece.Text;
        }

        var whole = await abi.Llm.CompleteAsync(Prompt, Short);
        Assert.That(text, Is.Not.Empty.And.EqualTo(whole.Text));
        Assert.That(abi.Features.Single(feature => feature.Name == "Llm").Status, Is.EqualTo(FeatureStatus.On));
        Assert.That(abi.Llm.Model, Is.SameAs(abi.Services.GetRequiredService<LanguageModel>()));
        using var session = abi.Llm.CreateSession();
        Assert.That(session.Count, Is.Zero);
    }

    [Test]
    public async Task OptionsReachTheModelAndGenerationsWithoutOptions()
    {
        await using var abi = await AbiBuilder.Create().AddLlm(llm =>
        {
            llm.Model = StoriesModel.Path;
            llm.ContextLength = 77;
            llm.MaximumSequences = 3;
            llm.Activations = ActivationPrecision.Exact;
            llm.MaximumTokens = 5;
            llm.ContextFull = ContextFullPolicy.Shift;
            llm.Sampling = new SamplingOptions { Seed = 42 };
        }).BuildAsync();
        Assert.That(abi.Llm.Model.ContextLength, Is.EqualTo(77));
        Assert.That((abi.Llm.Model.Engine.Options.MaximumSequences, abi.Llm.Model.Engine.Options.Activations), Is.EqualTo((3, ActivationPrecision.Exact)));
        Assert.That(abi.Llm.Defaults.ContextFull, Is.EqualTo(ContextFullPolicy.Shift));
        var result = await abi.Llm.CompleteAsync(Prompt);
        Assert.That((result.Outcome.Usage.GeneratedTokens, result.Outcome.Seed, result.Outcome.FinishReason), Is.EqualTo((5, 42L, FinishReason.Length)));
    }

    [Test]
    public async Task APackagedModelIsFoundByName()
    {
        await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.Model = "stories").BuildAsync();
        Assert.That(abi.Llm.Model.Path, Is.EqualTo(StoriesModel.Path));
    }

    [Test]
    public async Task AModelIsFoundInAFolder()
    {
        var folder = Directory.CreateTempSubdirectory("abi-models-");
        try
        {
            File.Copy(StoriesModel.Path, Path.Combine(folder.FullName, "mine.gguf"));
            await using var abi = await AbiBuilder.Create().AddLlm(llm => (llm.Model, llm.ModelFolder) = ("mine", folder.FullName)).BuildAsync();
            Assert.That(abi.Llm.Model.Path, Is.EqualTo(Path.Combine(folder.FullName, "mine.gguf")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public void AModelThatIsNotThereSaysWhereItWasLookedFor()
    {
        var error = Assert.ThrowsAsync<AbiException>(async () => await AbiBuilder.Create().AddLlm(llm => llm.Model = "no-such-model").BuildAsync());
        Assert.That(error!.Message, Does.Contain("no-such-model.gguf").And.Contain(AppContext.BaseDirectory).And.Contain("abi-models").And.Contain("Abi:Llm:Model"));
    }

    [Test]
    public async Task AHostLoadsTheModelForServicesThatAreMadeBeforeItStarts()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddAbi(abi => abi.AddLlm(llm => llm.Model = StoriesModel.Path));
        builder.Services.AddHostedService<Teller>();
        using var host = builder.Build();
        await host.StartAsync();
        var model = host.Services.GetRequiredService<LanguageModel>();
        Assert.That(model, Is.SameAs(host.Services.GetRequiredService<AbiFramework>().Llm.Model));
        Assert.That(host.Services.GetServices<IHostedService>().OfType<Teller>().Single().Story, Is.Not.Empty);
        await host.StopAsync();
        Assert.That(() => model.Start(Prompt), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => host.Services.GetRequiredService<AbiFramework>().Llm.Model, Throws.InvalidOperationException.With.Message.Contains("unloaded"));
    }

    [Test]
    public async Task AModelThatWasOnlyInjectedIsDisposedOfWithTheContainer()
    {
        LanguageModel model;
        await using (var services = new ServiceCollection().AddAbi(abi => abi.AddLlm(llm => llm.Model = StoriesModel.Path)).BuildServiceProvider())
        {
            Assert.That(() => services.GetRequiredService<LlmFeature>().Model, Throws.InvalidOperationException.With.Message.Contains("not loaded yet"));
            model = services.GetRequiredService<LanguageModel>();
            Assert.That((await model.CompleteAsync(Prompt, Short)).Text, Is.Not.Empty);
        }

        Assert.That(() => model.Start(Prompt), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task StoppingEndsGenerationsAndStartingLoadsAnew()
    {
        await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.Model = StoriesModel.Path).BuildAsync();
        var before = abi.Llm.Model;
        var stream = before.Start(Prompt, new GenerationOptions { IgnoreEndOfGeneration = true, ContextFull = ContextFullPolicy.Shift, BufferedTokens = 2 });
        await abi.StopAsync();
        Assert.That(async () =>
        {
            await foreach (var _ in stream.ReadPiecesAsync())
            {
            }
        }, Throws.InstanceOf<ObjectDisposedException>().Or.InstanceOf<AbiException>());
        await abi.StartAsync();
        Assert.That(abi.Llm.Model, Is.Not.SameAs(before));
        Assert.That((await abi.Llm.CompleteAsync(Prompt, Short)).Text, Is.Not.Empty);
    }

    [Test]
    public async Task LoadingReportsProgressAndIsCancelled()
    {
        var stages = new Recorder();
        await using (await AbiBuilder.Create().AddLlm(llm => (llm.Model, llm.Prefetch, llm.Progress) = (StoriesModel.Path, true, stages)).BuildAsync())
        {
            Assert.That(stages.Seen.Select(progress => progress.Fraction), Is.Ordered);
            Assert.That(stages.Seen.Select(progress => progress.Stage).Distinct(), Is.EqualTo(Enum.GetValues<ModelLoadStage>()));
            Assert.That(stages.Seen[^1], Is.EqualTo(new ModelLoadProgress(ModelLoadStage.Ready, 1)));
        }

        using var stop = new CancellationTokenSource();
        var cancelling = new Recorder(progress =>
        {
            if (progress.Stage == ModelLoadStage.Weights)
            {
                stop.Cancel();
            }
        });
        var builder = AbiBuilder.Create().AddLlm(llm => (llm.Model, llm.Prefetch, llm.Progress) = (StoriesModel.Path, true, cancelling));
        Assert.That(async () => await builder.BuildAsync(stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(cancelling.Seen.Select(progress => progress.Stage), Has.None.EqualTo(ModelLoadStage.Ready));
    }

    [Test]
    public async Task HealthSaysWhichModelOnWhichDevice()
    {
        await using var abi = await AbiBuilder.Create().AddLlm(llm => (llm.Model, llm.Device) = (StoriesModel.Path, new ScalarDevice())).BuildAsync();
        var health = (await abi.HealthAsync())["Llm"];
        Assert.That(health.Status, Is.EqualTo(FeatureHealthStatus.Healthy));
        Assert.That(health.Description, Does.Contain("stories.gguf (llama) on scalar").And.Contain("context 512 tokens"));
        await abi.StopAsync();
        Assert.That((await abi.HealthAsync())["Llm"].Status, Is.EqualTo(FeatureHealthStatus.Unhealthy));
    }

    [Test]
    public async Task TheContainersDeviceIsUsed()
    {
        var builder = AbiBuilder.Create().AddLlm(llm => llm.Model = StoriesModel.Path);
        builder.Services.AddSingleton<IDevice>(new NamedDevice());
        await using var abi = await builder.BuildAsync();
        Assert.That(abi.Llm.Model.DeviceName, Is.EqualTo("named"));
    }

    [Test]
    public async Task AddingTwiceAddsToTheOptions()
    {
        await using var abi = await AbiBuilder.Create().AddLlm(llm => llm.ContextLength = 64).AddLlm(llm => llm.Model = StoriesModel.Path).BuildAsync();
        Assert.That(abi.Llm.Model.ContextLength, Is.EqualTo(64));
        Assert.That(abi.Services.GetServices<LanguageModel>().Count(), Is.EqualTo(1));
    }

    [Test, NonParallelizable]
    public async Task LogsGoToTheLoggerAndNothingToTheConsole()
    {
        var lines = new List<string>();
        var (previousOut, previousError, console) = (Console.Out, Console.Error, new StringWriter());
        Console.SetOut(console);
        Console.SetError(console);
        try
        {
            var builder = AbiBuilder.Create().AddLlm(llm => llm.Model = StoriesModel.Path);
            builder.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Information).AddProvider(new Lines(lines)));
            await using var abi = await builder.BuildAsync();
            lines.Add("loaded");
            await abi.Llm.CompleteAsync(Prompt, Short);
            await abi.Llm.EmbedAsync(Prompt);
        }
        finally
        {
            Console.SetOut(previousOut);
            Console.SetError(previousError);
        }

        Assert.That(console.ToString(), Is.Empty);
        Assert.That(lines.TakeWhile(line => line != "loaded"), Has.Some.Contains("context 512 tokens"));
        Assert.That(lines.SkipWhile(line => line != "loaded").Skip(1), Has.All.Contains("stopped"), "no line for each request");
    }

    private sealed class Lines(List<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (lines)
            {
                lines.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }

    private sealed class Teller(LanguageModel model) : IHostedService
    {
        public string Story { get; private set; } = "";

        public async Task StartAsync(CancellationToken cancellationToken) => Story = (await model.CompleteAsync(Prompt, Short, cancellationToken: cancellationToken)).Text;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Recorder(Action<ModelLoadProgress>? act = null) : IProgress<ModelLoadProgress>
    {
        public List<ModelLoadProgress> Seen { get; } = [];

        public void Report(ModelLoadProgress value)
        {
            Seen.Add(value);
            act?.Invoke(value);
        }
    }

    private sealed class NamedDevice : IDevice
    {
        private readonly ScalarDevice _device = new();

        public string Name => "named";

        public StepPlan Lower(Graph graph, LoweringOptions options) => _device.Lower(graph, options);

        public StateStore CreateState(StateLayout layout, StateOptions options) => _device.CreateState(layout, options);

        public void Dispose() => _device.Dispose();
    }
}
