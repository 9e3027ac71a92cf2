namespace Abi.Core.Tests.Lifecycle;

public sealed class LifecycleTests
{
    [Test]
    public async Task StartsInDependencyOrderAndStopsInReverse()
    {
        var builder = AbiBuilder.Create().AddGamma().AddBeta().AddAlpha();
        var abi = await builder.BuildAsync();
        Assert.That(abi.State, Is.EqualTo(AbiState.Running));
        Assert.That(builder.Journal(), Is.EqualTo(new[] { "start Alpha", "start Beta", "start Gamma" }));
        await abi.DisposeAsync();
        Assert.That(abi.State, Is.EqualTo(AbiState.Disposed));
        Assert.That(builder.Journal().Skip(3), Is.EqualTo(new[] { "stop Gamma", "stop Beta", "stop Alpha", "dispose Gamma", "dispose Beta", "dispose Alpha" }));
    }

    [Test]
    public async Task StartAndStopAreIdempotentAndCanBeRepeated()
    {
        var builder = AbiBuilder.Create().AddAlpha();
        await using var abi = await builder.BuildAsync();
        await abi.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => abi.StopAsync())));
        Assert.That(abi.State, Is.EqualTo(AbiState.Stopped));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => abi.StartAsync())));
        Assert.That(abi.State, Is.EqualTo(AbiState.Running));
        Assert.That(builder.Journal(), Is.EqualTo(new[] { "start Alpha", "stop Alpha", "start Alpha" }));
    }

    [Test]
    public void AFailedStartIsRolledBackAndThrowsItsOwnException()
    {
        var failure = new InvalidDataException("no model");
        var builder = AbiBuilder.Create()
            .AddAlpha(alpha => alpha.OnStop = _ => throw new InvalidOperationException("a failing roll-back does not hide the cause"))
            .AddBeta()
            .AddGamma(gamma => gamma.OnStart = _ => throw failure);
        Assert.That(async () => await builder.BuildAsync(), Throws.Exception.SameAs(failure));
        Assert.That(builder.Journal(), Is.EqualTo(new[]
        {
            "start Alpha", "start Beta", "start Gamma", "stop Beta", "stop Alpha", "dispose Gamma", "dispose Beta", "dispose Alpha",
        }));
    }

    [Test]
    public void AFailureWhileDisposingDoesNotHideWhyTheStartFailed()
    {
        var failure = new InvalidDataException("no model");
        var builder = AbiBuilder.Create().AddAlpha(alpha => alpha.OnDispose = () => throw new IOException("disk")).AddBeta(beta => beta.OnStart = _ => throw failure);
        Assert.That(async () => await builder.BuildAsync(), Throws.Exception.SameAs(failure));
    }

    [Test]
    public async Task AFailedStartCanBeTriedAgain()
    {
        var fail = false;
        await using var abi = await AbiBuilder.Create().AddAlpha().AddBeta(beta => beta.OnStart = _ => fail ? throw new IOException() : Task.CompletedTask).BuildAsync();
        await abi.StopAsync();
        fail = true;
        Assert.That(async () => await abi.StartAsync(), Throws.TypeOf<IOException>());
        Assert.That(abi.State, Is.EqualTo(AbiState.Failed));
        fail = false;
        await abi.StartAsync();
        Assert.That(abi.State, Is.EqualTo(AbiState.Running));
    }

    [Test]
    public void CancellationRollsBack()
    {
        using var stop = new CancellationTokenSource();
        var builder = AbiBuilder.Create().AddAlpha().AddBeta(beta => beta.OnStart = async token =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
        });
        Assert.That(async () => await builder.BuildAsync(stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(builder.Journal(), Is.EqualTo(new[] { "start Alpha", "start Beta", "stop Alpha", "dispose Beta", "dispose Alpha" }));
    }

    [Test]
    public async Task DisposingCancelsAStartInProgress()
    {
        var entered = new TaskCompletionSource();
        var slow = false;
        var builder = AbiBuilder.Create().AddAlpha(alpha => alpha.OnStart = async token =>
        {
            if (slow)
            {
                entered.SetResult();
                await Task.Delay(Timeout.Infinite, token);
            }
        });
        var abi = await builder.BuildAsync();
        await abi.StopAsync();
        slow = true;
        var start = abi.StartAsync();
        await entered.Task;
        await abi.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(async () => await start, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(abi.State, Is.EqualTo(AbiState.Disposed));
    }

    [Test]
    public async Task EveryFeatureIsStoppedEvenWhenOneFails()
    {
        var builder = AbiBuilder.Create().AddAlpha().AddBeta(beta => beta.OnStop = _ => throw new IOException("disk")).AddGamma();
        await using var abi = await builder.BuildAsync();
        Assert.That(async () => await abi.StopAsync(), Throws.TypeOf<IOException>());
        Assert.That(builder.Journal().Skip(3), Is.EqualTo(new[] { "stop Gamma", "stop Beta", "stop Alpha" }));
        Assert.That(abi.State, Is.EqualTo(AbiState.Stopped));
    }

    [Test]
    public async Task DisposalNeverThrowsAndMayBeRepeated()
    {
        var builder = AbiBuilder.Create().AddAlpha(alpha => alpha.OnStop = _ => throw new IOException("disk"));
        var abi = await builder.BuildAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(index => Task.Run(async () =>
        {
            if (index % 2 == 0)
            {
                abi.Dispose();
            }
            else
            {
                await abi.DisposeAsync();
            }
        }))).WaitAsync(TimeSpan.FromSeconds(20));
        await abi.StopAsync();
        Assert.That(builder.Journal(), Is.EqualTo(new[] { "start Alpha", "stop Alpha", "dispose Alpha" }));
        Assert.That(async () => await abi.StartAsync(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => abi.Alpha, Throws.TypeOf<ObjectDisposedException>());
    }

    /// <summary>Whoever has waited for a disposal may delete the files of a feature, also when it was not the first to ask.</summary>
    [Test]
    public async Task ASecondDisposalWaitsForTheFirst()
    {
        using var gate = new ManualResetEventSlim();
        var isDisposing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var abi = await AbiBuilder.Create().AddAlpha(alpha => alpha.OnDispose = () =>
        {
            isDisposing.TrySetResult();
            gate.Wait();
        }).BuildAsync();
        var first = Task.Run(async () => await abi.DisposeAsync());
        await isDisposing.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Task[] others = [abi.DisposeAsync().AsTask(), Task.Run(abi.Dispose)];
        var early = await Task.WhenAny([.. others, Task.Delay(200)]);
        gate.Set();
        await Task.WhenAll([first, .. others]).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(others, Has.No.Member(early));
    }

    [Test]
    public void AMissingDependencyNamesBoth() =>
        Assert.That(async () => await AbiBuilder.Create().AddBeta().BuildAsync(), Throws.TypeOf<FeatureDependencyException>().With.Message.Contains("'Beta'").And.Message.Contains("'Alpha'").And.Message.Contains("AddAlpha"));

    [Test]
    public void ACircleIsNamed()
    {
        var builder = AbiBuilder.Create();
        builder.AddFeature(TestFeature.Define<Alpha, AlphaOptions>("Alpha", options => new Alpha(options, []), ["Beta"]));
        builder.AddBeta();
        Assert.That(async () => await builder.BuildAsync(), Throws.TypeOf<FeatureDependencyException>().With.Message.Contains("Alpha -> Beta -> Alpha"));
    }

    [Test]
    public async Task StartsAfterIsHonouredOnlyForFeaturesThatAreOn()
    {
        var builder = AbiBuilder.Create();
        builder.AddFeature(TestFeature.Define<Gamma, GammaOptions>("Gamma", options => new Gamma(options, builder.Journal()), startsAfter: ["Alpha", "Nowhere"])).AddAlpha();
        await using var abi = await builder.BuildAsync();
        Assert.That(builder.Journal(), Is.EqualTo(new[] { "start Alpha", "start Gamma" }));
    }

    [Test]
    public async Task HealthIsAskedOfEveryFeature()
    {
        await using var abi = await AbiBuilder.Create()
            .AddAlpha()
            .AddBeta(beta => beta.OnHealth = () => throw new IOException("disk"))
            .AddGamma(gamma => gamma.OnHealth = () => Task.FromResult(new FeatureHealth(FeatureHealthStatus.Degraded, "half full")))
            .BuildAsync();
        var health = await abi.HealthAsync();
        Assert.That(health.Select(pair => (pair.Key, pair.Value.Status)), Is.EquivalentTo(new[]
        {
            ("Alpha", FeatureHealthStatus.Healthy), ("Beta", FeatureHealthStatus.Unhealthy), ("Gamma", FeatureHealthStatus.Degraded),
        }));
        Assert.That(health["Beta"].Exception, Is.TypeOf<IOException>());
        await abi.StopAsync();
        Assert.That((await abi.HealthAsync())["Alpha"].Status, Is.EqualTo(FeatureHealthStatus.Unhealthy));
    }
}
