using System.Globalization;
using Abi.Database.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Abi.Database.Tests;

/// <summary>The database as a feature: what it says to the host's logger.</summary>
public sealed class DatabaseFeatureTests
{
    [Test]
    public async Task OpeningMendingAndClosingAreLogged()
    {
        using var folder = new TemporaryFolder();
        using (var lines = new Lines())
        {
            await using (var abi = await BuildAsync(folder["db"], lines))
            {
                var points = abi.Database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer });
                await points.EnsureCollectionExistsAsync();
                await points.UpsertAsync(new Dictionary<string, object?> { ["Key"] = 1L });
                await abi.Database.Store.CheckpointAsync();
            }

            Assert.That(lines.Text, Has.Count.EqualTo(2));
            Assert.That(lines.Text[0], Does.StartWith("Information").And.Contains("is open at commit 0"));
            Assert.That(lines.Text[1], Does.StartWith("Information").And.Contains("is closed"));
        }

        // What the manifest names and is damaged is said, and what is not damaged opens.
        var damaged = Directory.GetFiles(folder["db"], "rows-*").Single();
        var bytes = await File.ReadAllBytesAsync(damaged);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(damaged, bytes);
        using var again = new Lines();
        await using var mended = await BuildAsync(folder["db"], again);
        Assert.That(mended.Database.Store.Recovery.Warnings, Has.Length.EqualTo(1));
        Assert.That(again.Text.Single(line => line.StartsWith("Warning", StringComparison.Ordinal)), Does.Contain(mended.Database.Store.Recovery.Warnings[0]));
    }

    [Test]
    public async Task ACheckpointThatFailsDegradesItsHealth()
    {
        using var folder = new TemporaryFolder();
        using var lines = new Lines();
        await using var abi = await BuildAsync(folder["db"], lines);
        await abi.Database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer }).EnsureCollectionExistsAsync();
        var blocked = Directory.CreateDirectory(Path.Combine(folder["db"], "rows-000001-0000000002.abi.tmp")); // a folder cannot be written to as a file
        Assert.That(() => abi.Database.Store.CheckpointAsync(), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
        var health = (await abi.HealthAsync()).Values.Single();
        Assert.That((health.Status, health.Exception), Is.EqualTo((FeatureHealthStatus.Degraded, abi.Database.Store.CheckpointFailure)));
        Assert.That(health.Description, Does.Contain("checkpoint failed").And.Contain(blocked.Name));
        blocked.Delete();
        await abi.Database.Store.CheckpointAsync();
        Assert.That((await abi.HealthAsync()).Values.Single(), Is.EqualTo(FeatureHealth.Healthy));
    }

    [Test]
    public async Task ALogThatHasNoNextSegmentIsDegraded()
    {
        using var folder = new TemporaryFolder();
        using var lines = new Lines();
        await using var abi = await BuildAsync(folder["db"], lines);
        await abi.Database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer }).EnsureCollectionExistsAsync();
        var blocked = Directory.CreateDirectory(Path.Combine(folder["db"], "new-log.tmp")); // a folder cannot be written to as a file
        Assert.That(() => abi.Database.Store.BackupAsync(folder["backup"]), Throws.TypeOf<DatabaseException>().With.InnerException.InstanceOf<IOException>());
        var health = (await abi.HealthAsync()).Values.Single();
        Assert.That((health.Status, abi.Database.Store.WriteFailure), Is.EqualTo((FeatureHealthStatus.Degraded, (Exception?)null)));
        Assert.That(health.Description, Does.Contain("new segment").And.Contain(blocked.Name));
        blocked.Delete();
        await abi.Database.Store.BackupAsync(folder["backup"]);
        Assert.That((await abi.HealthAsync()).Values.Single(), Is.EqualTo(FeatureHealth.Healthy));
    }

    /// <summary>A service that wants the database may be made before the host starts the features, and gets the one that the feature has.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task TheDatabaseIsInjectedBeforeTheStartAndAfterIt(bool isBefore)
    {
        using var folder = new TemporaryFolder();
        await using var services = new ServiceCollection().AddAbi(abi => abi.AddDatabase(database => database.Path = folder["db"])).BuildServiceProvider();
        var framework = services.GetRequiredService<AbiFramework>();
        if (!isBefore)
        {
            await framework.StartAsync();
        }

        var database = services.GetRequiredService<IVectorDatabase>();
        var points = database.GetDynamicCollection("points", new CollectionDefinition { Key = KeyKind.Integer });
        await points.EnsureCollectionExistsAsync();
        await framework.StartAsync();
        Assert.That(services.GetRequiredService<VectorDatabase>(), Is.SameAs(database).And.SameAs(framework.Database.Store));
        await framework.StopAsync();
        Assert.That(async () => await database.CollectionExistsAsync("points"), Throws.InstanceOf<ObjectDisposedException>(), "it is closed with the framework");
        await using (var other = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] }))
        {
            Assert.That(await other.CollectionExistsAsync("points"));
        }

        await framework.StartAsync();
        Assert.That(services.GetRequiredService<IVectorDatabase>(), Is.SameAs(database).And.SameAs(framework.Database.Store), "it goes on for those who were given it");
        Assert.That(await database.CollectionExistsAsync("points"));
        Assert.That(await points.CountAsync(), Is.Zero);
    }

    [Test]
    public async Task AfterAStopNothingIsOpenedByInjecting()
    {
        using var folder = new TemporaryFolder();
        await using var services = new ServiceCollection().AddAbi(abi => abi.AddDatabase(database => database.Path = folder["db"])).BuildServiceProvider();
        var framework = services.GetRequiredService<AbiFramework>();
        await framework.StartAsync();
        await framework.StopAsync();
        Assert.That(() => services.GetRequiredService<IVectorDatabase>(), Throws.InvalidOperationException.With.Message.Contains("not open"));
    }

    /// <summary>What the container was given to own it closes, also where it is not disposed asynchronously.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public async Task AContainerThatIsDisposedSynchronouslyClosesTheDatabase(bool isStarted)
    {
        using var folder = new TemporaryFolder();
        using (var services = new ServiceCollection().AddAbi(abi => abi.AddDatabase(database => database.Path = folder["db"])).BuildServiceProvider())
        {
            if (isStarted)
            {
                await services.GetRequiredService<AbiFramework>().StartAsync();
            }
            else
            {
                services.GetRequiredService<VectorDatabase>();
            }
        }

        await using var other = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"] });
    }

    [Test]
    public void ConfigurationCanGiveEveryOptionButTheKey()
    {
        var given = new DatabaseOptions
        {
            Path = "other.abi", Access = DatabaseAccess.ReadOnly, Durability = Durability.Group, GroupInterval = TimeSpan.FromSeconds(1), Recovery = RecoveryMode.Salvage, LogSegmentBytes = 70_000, CheckpointBytes = 80_000, KeepLog = true,
            PrioritizeSearches = false, DecryptedBytes = 1, LogArchive = "archive", LogRetention = TimeSpan.FromDays(3), BackgroundBytesPerSecond = 4096, IndexThreads = 2, VectorMemoryBytes = 3, ScanThreads = 4,
        };
        var properties = typeof(DatabaseOptions).GetProperties().Where(property => property.Name != nameof(DatabaseOptions.EncryptionKey)).ToArray();
        var (bound, defaults) = (new DatabaseOptions(), new DatabaseOptions());
        DatabaseOptionKeys.Bind(Section(properties.Select(property => (property.Name, Convert.ToString(property.GetValue(given), CultureInfo.InvariantCulture)))), bound);
        Assert.Multiple(() =>
        {
            foreach (var property in properties)
            {
                Assert.That(property.GetValue(bound), Is.EqualTo(property.GetValue(given)).And.Not.EqualTo(property.GetValue(defaults)), property.Name);
            }
        });
    }

    // A key that is given to configuration must not leave the database plain without a word.
    [TestCase("EncryptionKey")]
    [TestCase("LogRetentoin")]
    public void AKeyThatIsNoOptionIsRefused(string key) =>
        Assert.That(() => DatabaseOptionKeys.Bind(Section([(key, "1")]), new DatabaseOptions()), Throws.InvalidOperationException.With.Message.Contains($"'{key}'"));

    private static IConfigurationSection Section(IEnumerable<(string Key, string? Value)> values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create($"Abi:Database:{value.Key}", value.Value))).Build().GetSection("Abi:Database");

    private static async Task<AbiFramework> BuildAsync(string path, Lines lines)
    {
        var builder = AbiBuilder.Create().AddDatabase(database => database.Path = path);
        builder.Services.AddLogging(logging => logging.AddProvider(lines));
        return await builder.BuildAsync();
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public List<string> Text { get; } = [];

        public ILogger CreateLogger(string categoryName) => categoryName.StartsWith("Abi.Database", StringComparison.Ordinal) ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Text.Add($"{logLevel}: {formatter(state, exception)}");

        public void Dispose()
        {
        }
    }
}
