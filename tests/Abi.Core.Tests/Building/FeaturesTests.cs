using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Abi.Core.Tests.Building;

public sealed class FeaturesTests
{
    [Test]
    public async Task EveryFeatureIsListedWithItsReason()
    {
        await using var abi = await AbiBuilder.Create().AddAlpha().AddCompiledOut("Beta", "AbiEnableBeta").BuildAsync();
        Assert.That(abi.Features.Select(feature => (feature.Name, feature.Status)), Is.EqualTo(new[]
        {
            ("Alpha", FeatureStatus.On), ("Beta", FeatureStatus.CompiledOut), ("Database", FeatureStatus.Off), ("Llm", FeatureStatus.Off), ("Postgres", FeatureStatus.Off),
        }));
        Assert.That(abi.Features.Select(feature => feature.Reason), Is.All.Not.Empty);
        Assert.That(abi.Features[1].Reason, Does.Contain("AbiEnableBeta"));
        Assert.That(abi.Features[3].Reason, Does.Contain("AddLlm"));
        Assert.That(abi.Features[4].Reason, Does.Contain("Abi.Database.Postgres").And.Contain("AddPostgres"));
    }

    [Test]
    public async Task AFeatureThatIsNotThereSaysWhy()
    {
        await using var abi = await AbiBuilder.Create().AddCompiledOut("Beta", "AbiEnableBeta").BuildAsync();
        Assert.That(() => abi.Beta, Throws.TypeOf<FeatureDisabledException>().With.Property("Property").EqualTo("AbiEnableBeta").And.Property("Status").EqualTo(FeatureStatus.CompiledOut));
        Assert.That(() => abi.Alpha, Throws.TypeOf<FeatureDisabledException>().With.Message.Contains("AddAlpha").And.Property("Status").EqualTo(FeatureStatus.Off));
    }

    /// <summary>A package may bring several features, and have another name than its feature.</summary>
    [TestCase("ModelHost", "Abi.Llm")]
    [TestCase("Postgres", "Abi.Database.Postgres")]
    [TestCase("Database", "Abi.Database")]
    public async Task AFeatureThatWasNotAddedNamesItsPackage(string feature, string package)
    {
        await using var abi = await AbiBuilder.Create().BuildAsync();
        Assert.That(() => abi.GetFeature<Alpha>(feature), Throws.TypeOf<FeatureDisabledException>().With.Message.Contains($"the package {package} and call Add{feature} "));
    }

    [Test]
    public void TheStubsExceptionNamesFeatureAndProperty()
    {
        var error = new FeatureDisabledException("Gpu", "AbiEnableGpu");
        Assert.That((error.Feature, error.Property, error.Status), Is.EqualTo(("Gpu", "AbiEnableGpu", FeatureStatus.CompiledOut)));
        Assert.That(error.Message, Does.Contain("'Gpu'").And.Contain("<AbiEnableGpu>true</AbiEnableGpu>"));
    }

    [Test]
    public void ACompiledOutDependencyIsSaidToBe() =>
        Assert.That(async () => await AbiBuilder.Create().AddCompiledOut("Alpha", "AbiEnableAlpha").AddBeta().BuildAsync(), Throws.TypeOf<FeatureDependencyException>().With.Message.Contains("AbiEnableAlpha"));

    [Test]
    public async Task LifecycleEventsAreLogged()
    {
        var log = new List<string>();
        var builder = AbiBuilder.Create().AddAlpha().AddBeta(beta => beta.OnStop = _ => throw new IOException("disk"));
        builder.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new ListProvider(log)));
        await (await builder.BuildAsync()).DisposeAsync();
        Assert.That(log, Does.Contain("Debug 1 Abi changed from Created to Starting").And.Contain("Debug 1 Abi changed from Starting to Running").And.Contain("Debug 1 Abi changed from Stopping to Disposed"));
        Assert.That(log, Has.Some.StartsWith("Information 2 Feature Alpha started in").And.Some.StartsWith("Information 5 Feature Alpha stopped in"));
        Assert.That(log, Does.Contain("Error 6 Feature Beta failed to stop"));
        Assert.That(log, Has.Some.StartsWith("Debug 7 Feature Llm is Off"));
    }

    private sealed class ListProvider(List<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (lines)
            {
                lines.Add($"{logLevel} {eventId.Id} {formatter(state, exception)}");
            }
        }

        public void Dispose() { }
    }
}
