using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Abi.Database.Tests.Telemetry;

/// <summary>What listeners are told, under the names of OpenTelemetry's conventions for database clients.</summary>
[NonParallelizable]
public sealed class DatabaseTelemetryTests
{
    private static readonly CollectionDefinition Definition = new()
    {
        Key = KeyKind.Integer,
        Data = [new DataField("text", DataKind.Text) { IsFullTextIndexed = true }],
        Vectors = [new VectorField("v", 2) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }],
    };

    [Test]
    public async Task EveryOperationHasASpanAndFigures()
    {
        ConcurrentQueue<Activity> spans = [];
        ConcurrentQueue<(string Instrument, double Value, Dictionary<string, object?> Tags)> measured = [];
        using var listener = Listen(spans);
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "Abi.Database")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => measured.Enqueue((instrument.Name, value, Tags(tags))));
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => measured.Enqueue((instrument.Name, value, Tags(tags))));
        meters.Start();

        using var folder = new TemporaryFolder();
        await using (var database = await VectorDatabase.OpenAsync(folder["db"]))
        {
            var points = database.GetDynamicCollection("points", Definition);
            await points.EnsureCollectionExistsAsync();
            await points.UpsertAsync(Record(1));
            await points.UpsertAsync([Record(2), Record(3)]);
            await points.DeleteAsync(3L);
            Assert.That(points.SearchKeys([1, 1], 5), Has.Count.EqualTo(2));
            Assert.That(await points.SearchAsync(new float[] { 1, 1 }, 1).CountAsync(), Is.EqualTo(1));
            Assert.That(await points.SearchTextAsync("number", 5).CountAsync(), Is.EqualTo(2));
            Assert.That(await points.HybridSearchAsync(new float[] { 1, 1 }, "nothing", 5).CountAsync(), Is.EqualTo(2));
            Assert.That(() => points.SearchKeys([1, 1, 1], 5), Throws.ArgumentException);
            Assert.That(async () => await points.SearchAsync(new float[] { 1, 1, 1 }, 5).CountAsync(), Throws.ArgumentException);
            Assert.That(async () => await points.SearchTextAsync("number", 5, new TextSearchOptions { Fields = ["none"] }).CountAsync(), Throws.ArgumentException);
            Assert.That(async () => await points.HybridSearchAsync(new float[] { 1, 1 }, "one", 5, new HybridSearchOptions { TextFields = ["none"] }).CountAsync(), Throws.ArgumentException);
            await database.CheckpointAsync();
        }

        Assert.That(
            spans.Select(span => (span.DisplayName, span.GetTagItem("db.response.returned_rows"), span.GetTagItem("db.operation.batch.size"), span.GetTagItem("error.type"))),
            Is.EqualTo(new (string, object?, object?, object?)[]
            {
                ("upsert points", null, null, null),
                ("upsert points", null, 2, null),
                ("delete points", null, null, null),
                ("search points", 2, null, null),
                ("search points", 1, null, null),
                ("search_text points", 2, null, null),
                ("hybrid_search points", 2, null, null),
                ("search points", null, null, "System.ArgumentException"),
                ("search points", null, null, "System.ArgumentException"),
                ("search_text points", null, null, "System.ArgumentException"),
                ("hybrid_search points", null, null, "System.ArgumentException"),
            }));
        Assert.That(spans.Select(span => span.GetTagItem("db.system.name")), Is.All.EqualTo("abi"));
        Assert.That(spans.Last().Status, Is.EqualTo(ActivityStatusCode.Error));
        var durations = measured.Where(one => one.Instrument == "db.client.operation.duration").ToList();
        Assert.That(durations.Select(one => one.Tags["db.operation.name"]), Is.EqualTo(spans.Select(span => span.GetTagItem("db.operation.name"))));
        Assert.That(durations.Select(one => one.Tags["db.collection.name"]), Is.All.EqualTo("points"));
        Assert.That(durations.Select(one => one.Value), Is.All.GreaterThan(0).And.All.LessThan(60));
        Assert.That(durations.Select(one => one.Tags.ContainsKey("error.type")), Is.EqualTo(spans.Select(span => span.GetTagItem("error.type") is not null)));
        Assert.That(measured.Where(one => one.Instrument == "db.client.response.returned_rows").Select(one => one.Value), Is.EqualTo(new[] { 2.0, 1, 2, 2 }));
        Assert.That(measured.Count(one => one.Instrument == "abi.database.checkpoint.duration"), Is.GreaterThanOrEqualTo(1));
    }

    [Test]
    public async Task WhatACallerDoesWithTheResultsIsNotTimed()
    {
        ConcurrentQueue<Activity> spans = [];
        using var listener = Listen(spans);
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var points = database.GetDynamicCollection("points", Definition);
        await points.EnsureCollectionExistsAsync();
        await points.UpsertAsync([Record(1), Record(2)]);
        Assert.That(Activity.Current, Is.Null, "a write is not its caller's current span afterwards");
        spans.Clear();
        await foreach (var _ in points.SearchAsync(new float[] { 1, 1 }, 2))
        {
            Assert.That(spans, Has.Count.EqualTo(1), "the span has ended");
            Assert.That(Activity.Current, Is.Null);
        }

        Assert.That(spans, Has.Count.EqualTo(1));
    }

    private static Dictionary<string, object?> Record(int key) => new(StringComparer.Ordinal) { ["Key"] = (long)key, ["text"] = $"number {key}", ["v"] = new float[] { key, 1 } };

    private static Dictionary<string, object?> Tags(ReadOnlySpan<KeyValuePair<string, object?>> tags) => new(tags.ToArray(), StringComparer.Ordinal);

    private static ActivityListener Listen(ConcurrentQueue<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Abi.Database",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
