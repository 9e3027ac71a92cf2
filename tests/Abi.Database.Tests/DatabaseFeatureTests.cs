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
