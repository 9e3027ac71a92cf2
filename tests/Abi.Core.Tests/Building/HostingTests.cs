using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Abi.Core.Tests.Building;

public sealed class HostingTests
{
    [Test]
    public async Task AHostStartsAndStopsTheFeatures()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        List<string> journal = [];
        builder.Services.AddSingleton(journal);
        builder.Services.AddAbi(abi => abi.AddBeta()).AddAbi(abi => abi.AddAlpha());
        using var host = builder.Build();
        await host.StartAsync();
        var framework = host.Services.GetRequiredService<AbiFramework>();
        Assert.That(framework.State, Is.EqualTo(AbiState.Running));
        Assert.That(host.Services.GetRequiredService<Beta>(), Is.SameAs(framework.Beta));
        Assert.That(host.Services.GetServices<IHostedService>().Count(), Is.EqualTo(1));
        await host.StopAsync();
        Assert.That(journal, Is.EqualTo(new[] { "start Alpha", "start Beta", "stop Beta", "stop Alpha" }));
        ((IDisposable)host).Dispose();
        Assert.That(journal.Skip(4), Is.EqualTo(new[] { "dispose Beta", "dispose Alpha" }));
    }

    [Test]
    public async Task AHostThatIsNotStoppedStopsTheFeaturesWhenDisposed()
    {
        var services = new ServiceCollection();
        List<string> journal = [];
        services.AddSingleton(journal).AddAbi(abi => abi.AddAlpha());
        var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<AbiFramework>().StartAsync();
        await provider.DisposeAsync();
        Assert.That(journal, Is.EqualTo(new[] { "start Alpha", "stop Alpha", "dispose Alpha" }));
    }

    /// <summary>A worker uses the features until it has stopped, whatever was registered first.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task FeaturesAreThereUntilEveryServiceHasStopped(bool isWorkerFirst)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        List<string> journal = [];
        builder.Services.AddSingleton(journal);
        if (isWorkerFirst)
        {
            builder.Services.AddHostedService<Worker>();
        }

        builder.Services.AddAbi(abi => abi.AddAlpha());
        if (!isWorkerFirst)
        {
            builder.Services.AddHostedService<Worker>();
        }

        using var host = builder.Build();
        await host.StartAsync();
        await host.StopAsync();
        Assert.That(journal, Is.EqualTo(new[] { "start Alpha", "the worker stops", "stop Alpha" }));
    }

    /// <summary>As a web server does that a request holds up: the host then has no time left for the features, which are stopped when it is disposed of.</summary>
    [Test]
    public async Task AHostWhoseTimeToStopIsOverEndsWithoutAnExceptionAndStopsTheFeatures()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        List<string> journal = [];
        builder.Services.AddSingleton(journal);
        builder.Services.AddAbi(abi => abi.AddAlpha());
        builder.Services.AddHostedService<Laggard>();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(50));
        using (var host = builder.Build())
        {
            await host.StartAsync();
            await host.StopAsync();
        }

        Assert.That(journal, Is.EqualTo(new[] { "start Alpha", "stop Alpha", "dispose Alpha" }));
    }

    private sealed class Laggard : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task StopAsync(CancellationToken cancellationToken) => await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private sealed class Worker(List<string> journal) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            journal.Add("the worker stops");
            return Task.CompletedTask;
        }
    }

    [Test]
    public void AFailingFeatureFailsTheHostsStart()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(new List<string>());
        builder.Services.AddAbi(abi => abi.AddAlpha(alpha => alpha.OnStart = _ => throw new IOException("disk")));
        using var host = builder.Build();
        Assert.That(async () => await host.StartAsync(), Throws.TypeOf<IOException>());
    }

    [Test]
    public void TheBuilderOfAHostDoesNotBuild()
    {
        AbiBuilder? kept = null;
        new ServiceCollection().AddAbi(abi => kept = abi);
        Assert.That(async () => await kept!.BuildAsync(), Throws.InvalidOperationException);
    }

    [Test]
    public async Task BuildingTwiceMakesTwoFrameworks()
    {
        var builder = AbiBuilder.Create().AddAlpha();
        await using var first = await builder.BuildAsync();
        await using var second = await builder.BuildAsync();
        Assert.That(second.Alpha, Is.Not.SameAs(first.Alpha));
        await first.DisposeAsync();
        Assert.That(second.State, Is.EqualTo(AbiState.Running));
    }

    [Test]
    public async Task TheHostsOwnOptionsMechanismsWorkToo()
    {
        var services = new ServiceCollection();
        services.AddAbi(abi => abi.AddAlpha(alpha => alpha.ContextLength = 1));
        services.PostConfigure<AlphaOptions>(alpha => alpha.ContextLength *= 10);
        await using var provider = services.BuildServiceProvider();
        Assert.That(provider.GetRequiredService<IOptions<AlphaOptions>>().Value.ContextLength, Is.EqualTo(10));
    }
}
