using System.Runtime.InteropServices;
using System.Text;
using Abi.Testing;

namespace Abi.Database.Tests.Exchange;

/// <summary>Records and vectors from files and into files.</summary>
[Parallelizable]
public sealed class ExchangeTests
{
    private static readonly CollectionDefinition Everything = new()
    {
        Key = KeyKind.Guid,
        KeyName = "id",
        Data =
        [
            new DataField("yes", DataKind.Boolean), new DataField("whole", DataKind.Integer), new DataField("number", DataKind.Number), new DataField("text", DataKind.Text), new DataField("date", DataKind.Date),
            new DataField("wholes", DataKind.IntegerArray), new DataField("numbers", DataKind.NumberArray), new DataField("texts", DataKind.TextArray),
        ],
        Vectors =
        [
            new VectorField("f32", 3) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }, new VectorField("f16", 2) { Element = VectorElement.Float16, DistanceFunction = DistanceFunction.DotProductSimilarity },
            new VectorField("i8", 2) { Element = VectorElement.Int8, DistanceFunction = DistanceFunction.EuclideanSquaredDistance }, new VectorField("bits", 12) { Element = VectorElement.Binary, DistanceFunction = DistanceFunction.HammingDistance },
        ],
    };

    /// <summary>Each is whole; the one that is done last is there in the end.</summary>
    [Test]
    public async Task ExportsToOneFileDoNotSpoilOneAnother()
    {
        const int Records = 1500;
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, Records).Select(i => new Dictionary<string, object?> { ["Key"] = i }));
        var inner = 0L;
        var outer = await collection.ExportAsync(folder["a.jsonl"], progress: new Told(done => inner = done == 1000 ? collection.ExportAsync(folder["a.jsonl"]).GetAwaiter().GetResult() : inner));
        Assert.That((outer, inner, File.ReadAllLines(folder["a.jsonl"]).Length), Is.EqualTo((Records, Records, Records)));
        Assert.That(Directory.GetFiles(folder["."], "*.partial"), Is.Empty);
    }

    /// <summary>Of exports that were killed; not what another one may be writing, nor what somebody else called so.</summary>
    [Test]
    public async Task WhatKilledExportsLeftIsTakenAway()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 1)] });
        await collection.EnsureCollectionExistsAsync();
        var old = DateTime.UtcNow.AddDays(-2);
        var (killed, killedKeys, running) = (Make("a.npy", old), Make("a.keys", old), Make("a.npy", DateTime.UtcNow));
        var (others, notes) = (Make("b.npy", old), folder["a.npy.notes.partial"]);
        File.WriteAllText(notes, "");
        File.SetLastWriteTimeUtc(notes, old);
        await collection.ExportAsync(folder["a.npy"], new ExportOptions { KeyFile = folder["a.keys"] });
        Assert.That(Directory.GetFiles(folder["."], "*.partial").Select(Path.GetFileName), Is.EquivalentTo(new[] { running, others, notes }.Select(Path.GetFileName)), $"not {killed}, {killedKeys}");

        string Make(string of, DateTime written)
        {
            var path = folder[$"{of}.{Guid.NewGuid():N}.partial"];
            File.WriteAllText(path, "");
            File.SetLastWriteTimeUtc(path, written);
            return path;
        }
    }

    [Test]
    public async Task JsonLinesCarryEveryKindOfField()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var source = database.GetDynamicCollection("source", Everything);
        await source.EnsureCollectionExistsAsync();
        var random = new Random(4);
        await source.UpsertAsync(Enumerable.Range(0, 50).Select(i => i % 7 == 0 ? new Dictionary<string, object?> { ["id"] = Guid.NewGuid() } : new()
        {
            ["id"] = Guid.NewGuid(), ["yes"] = i % 2 == 0, ["whole"] = random.NextInt64(long.MinValue, long.MaxValue), ["number"] = i % 5 == 0 ? double.NaN : i % 5 == 1 ? double.NegativeInfinity : random.NextDouble() * 1e300,
            ["text"] = "Ünï \"quoted\" \n \u2028 👍", ["date"] = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(i % 3)).AddTicks(i), ["wholes"] = new long[] { i, -1 }, ["numbers"] = new[] { 0.1, double.PositiveInfinity },
            ["texts"] = new[] { "", "a" }, ["f32"] = new[] { random.NextSingle(), float.Epsilon, float.MaxValue }, ["f16"] = new[] { (Half)0.1f, (Half)(-2) }, ["i8"] = new sbyte[] { -128, 127 }, ["bits"] = new byte[] { (byte)i, 0x0f },
        }));
        Assert.That(await source.ExportAsync(folder["a.jsonl"]), Is.EqualTo(50));
        var target = database.GetDynamicCollection("target", Everything);
        await target.EnsureCollectionExistsAsync();
        Assert.That(await target.ImportAsync(folder["a.jsonl"], new ImportOptions { BatchSize = 7 }), Is.EqualTo(50));
        await target.ExportAsync(folder["b.jsonl"]);
        Assert.That(File.ReadAllLines(folder["b.jsonl"]).Order(), Is.EqualTo(File.ReadAllLines(folder["a.jsonl"]).Order()));
        await foreach (var record in source.ListAsync())
        {
            var other = (await target.GetAsync(record["id"]!))!;
            foreach (var (name, value) in record)
            {
                Assert.That(Bytes(other[name]), Is.EqualTo(Bytes(value)), name);
            }
        }

        static object? Bytes(object? value) => value switch
        {
            ReadOnlyMemory<float> vector => MemoryMarshal.AsBytes(vector.Span).ToArray(),
            ReadOnlyMemory<Half> vector => MemoryMarshal.AsBytes(vector.Span).ToArray(),
            ReadOnlyMemory<sbyte> vector => vector.ToArray(),
            ReadOnlyMemory<byte> vector => vector.ToArray(),
            _ => value,
        };
    }

    [TestCase("v.npy")]
    [TestCase("v.fvecs")]
    public async Task VectorsComeBackWithTheirKeys(string name)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(folder["db"]);
        var definition = new CollectionDefinition { Vectors = [new VectorField("v", 5) { DistanceFunction = DistanceFunction.EuclideanSquaredDistance }], Data = [new DataField("part", DataKind.Integer) { IsIndexed = true }] };
        var source = database.GetDynamicCollection("source", definition);
        await source.EnsureCollectionExistsAsync();
        await source.UpsertAsync(Enumerable.Range(0, 20).Select(i => new Dictionary<string, object?> { ["Key"] = $"k\"{i}", ["part"] = i % 2, ["v"] = i == 3 ? null : new float[] { i, 0, -i, 0.1f, 1e-30f } }));
        Assert.That(await source.ExportAsync(folder[name], new ExportOptions { KeyFile = folder["keys"], Filter = Filter.Equal("part", 1) }), Is.EqualTo(9), "one of the ten has no vector");
        var target = database.GetDynamicCollection("target", definition);
        await target.EnsureCollectionExistsAsync();
        Assert.That(await target.ImportAsync(folder[name], new ImportOptions { KeyFile = folder["keys"], BatchSize = 4 }), Is.EqualTo(9));
        Assert.That(((ReadOnlyMemory<float>)(await target.GetAsync("k\"7"))!["v"]!).ToArray(), Is.EqualTo(new float[] { 7, 0, -7, 0.1f, 1e-30f }));
        Assert.That(await target.ImportAsync(folder[name], new ImportOptions { FirstKey = 100 }), Is.EqualTo(9));
        Assert.That(((ReadOnlyMemory<float>)(await target.GetAsync("100"))!["v"]!).ToArray()[0], Is.EqualTo(1));
        Assert.That(Directory.GetFiles(folder["."], "*.partial"), Is.Empty);
    }

    [Test]
    public void NumPyFilesAreReadAsNumPyWritesThem()
    {
        var path = Fixtures.Path("vectors", "words100", "queries.f32.npy");
        var (shape, expected) = NpyFile.Read<float>(path);
        using var reader = VectorFileReader.Open(path);
        Assert.That((reader.Count, reader.Dimensions), Is.EqualTo(((long)shape[0], shape[1])));
        var row = new float[reader.Dimensions];
        for (var i = 0; reader.Read(row); i++)
        {
            Assert.That(row.AsSpan().SequenceEqual(expected.AsSpan(i * row.Length, row.Length)), $"row {i}");
        }
    }

    [TestCase("<f2", new byte[] { 0, 0x3c, 0, 0xc0 })]
    [TestCase("<f8", new byte[] { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0 })]
    [TestCase("|i1", new byte[] { 1, 0xfe })]
    public void OtherElementsAreConverted(string type, byte[] data)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a.npy"], [.. Npy($"{{'descr': '{type}', 'fortran_order': False, 'shape': (1, 2), }}"), .. data]);
        using var reader = VectorFileReader.Open(folder["a.npy"]);
        var row = new float[2];
        Assert.That(reader.Read(row));
        Assert.That(row, Is.EqualTo(new float[] { 1, -2 }));
        Assert.That(reader.Read(row), Is.False);
    }

    [TestCase("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "Fortran")]
    [TestCase("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1), }", "<c8")]
    [TestCase("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1), }", "[records, dimensions]")]
    [TestCase("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 1000000), }", "bytes follow")]
    [TestCase("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 1), }", "no usable lengths")]
    [TestCase("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", "4 bytes follow")]
    [TestCase("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1), }", "simple type")]
    public void HeadersThatLieAreRefused(string header, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["a.npy"], [.. Npy(header), 0, 0, 128, 63]);
        Assert.That(() => VectorFileReader.Open(folder["a.npy"]), Throws.TypeOf<ExchangeException>().With.Message.Contains(message).And.Message.Contains("a.npy"));
    }

    [Test]
    public async Task WhateverTheBytesAFileIsReadOrRefused()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Vectors = [new VectorField("v", 2) { DistanceFunction = DistanceFunction.DotProductSimilarity }] });
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Enumerable.Range(0, 6).Select(i => new Dictionary<string, object?> { ["Key"] = $"{i}", ["v"] = new float[] { i, 1 } }));
        var random = new Random(9);
        var (read, refused) = (0, 0);
        foreach (var name in new[] { "a.npy", "a.fvecs", "a.jsonl" })
        {
            await collection.ExportAsync(folder[name]);
            var whole = await File.ReadAllBytesAsync(folder[name]);
            for (var i = 0; i < 400; i++)
            {
                var bytes = (byte[])whole.Clone();
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    bytes[random.Next(Math.Min(bytes.Length, 200))] ^= (byte)(1 << random.Next(8));
                }

                await File.WriteAllBytesAsync(folder[name], bytes.AsMemory(0, random.Next(3) == 0 ? random.Next(bytes.Length + 1) : bytes.Length));
                try
                {
                    await collection.ImportAsync(folder[name]);
                    read++;
                }
                catch (AbiException error)
                {
                    Assert.That(error.Message, Does.Contain(name));
                    refused++;
                }
            }
        }

        Assert.That((read, refused), Is.GreaterThan((50, 50)).Using<(int, int)>((a, b) => Math.Min(a.Item1 - b.Item1, a.Item2 - b.Item2)), "both happen");
    }

    [TestCase("[1]", "JSON object")]
    [TestCase("{\"Key\":\"a\",\"v\":[1,2,3]}", "array of 2 numbers")]
    [TestCase("{\"Key\":\"a\",\"v\":[1,\"2\"]}", "no number")]
    [TestCase("{\"Key\":\"a\",\"v\":[0,0]}", "zero")]
    [TestCase("{\"Key\":\"a\",\"w\":1}", "no field 'w'. There are: Key, v")]
    [TestCase("{\"v\":[1,2]}", "no key ('Key')")]
    [TestCase("{\"Key\":7}", "its kind is Text")]
    [TestCase("{\"Key\":\"a\",\"Key\":\"b\"}", "stands twice")]
    [TestCase("{\"Key\":\"a\"", "no JSON at byte 11:")]
    [TestCase("{\"Key\":\"a\\ud83d\"}", "surrogate")]
    [TestCase("{\"\\ud83d\":1}", "surrogate")]
    [TestCase("{\"Key\":\"a\",\"v\":[[[[[[[[[[1]]]]]]]]]]}", "no JSON")]
    public async Task LinesThatDoNotFitAreNamed(string line, string message)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Vectors = [new VectorField("v", 2)] });
        await collection.EnsureCollectionExistsAsync();
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes($"\uFEFF{{\"Key\":\"ok\",\"v\":[1,0]}}\r\n\n{line}\n"));
        Assert.That(async () => await collection.ImportAsync(stream, "<stdin>"), Throws.TypeOf<ExchangeException>().With.Message.Contains(message).And.Message.Contains("<stdin>").And.Message.Contains("3"));
    }

    /// <summary>Another encoding is refused; nothing is put in the place of its bytes.</summary>
    [TestCase("7B224B6579223A2261FF62227D", "byte 10 of the line, 0xFF, is not UTF-8")] // {"Key":"a?b"}
    [TestCase("7B224B6579223A22C3227D", "byte 9 of the line, 0xC3, is not UTF-8")]
    [TestCase("FFFE7B0022004B00", "byte 1 of the line, 0xFF, is not UTF-8")]
    public async Task LinesThatAreNotUtf8AreRefused(string line, string message)
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Vectors = [new VectorField("v", 2)] });
        await collection.EnsureCollectionExistsAsync();
        using var stream = new MemoryStream([.. "\n"u8, .. Convert.FromHexString(line)]);
        Assert.That(async () => await collection.ImportAsync(stream, "<stdin>"), Throws.TypeOf<ExchangeException>().With.Message.Contains(message).And.Message.Contains("line 2"));
        Assert.That(await collection.CountAsync(), Is.Zero);
    }

    [Test]
    public async Task FilesThatDoNotFitTheCollectionAreRefused()
    {
        using var folder = new TemporaryFolder();
        await using var database = await VectorDatabase.OpenAsync(new DatabaseOptions { Path = folder["db"], Durability = Durability.Os });
        var collection = database.GetDynamicCollection("c", new CollectionDefinition { Key = KeyKind.Integer, Vectors = [new VectorField("v", 3), new VectorField("w", 2)] });
        await collection.EnsureCollectionExistsAsync();
        File.WriteAllBytes(folder["a.fvecs"], [2, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64]);
        Assert.That(async () => await collection.ImportAsync(folder["a.fvecs"]), Throws.ArgumentException.With.Message.Contains("v, w"));
        Assert.That(async () => await collection.ImportAsync(folder["a.fvecs"], new ImportOptions { VectorField = "v" }), Throws.TypeOf<ExchangeException>().With.Message.Contains("2 elements").And.Message.Contains("has 3"));
        Assert.That(async () => await collection.ImportAsync(folder["a.bin"]), Throws.TypeOf<ExchangeException>().With.Message.Contains(".npy, .fvecs or .jsonl"));
        File.WriteAllText(folder["keys"], "1");
        Assert.That(await collection.ImportAsync(folder["a.fvecs"], new ImportOptions { VectorField = "w", KeyFile = folder["keys"] }), Is.EqualTo(1));
        File.WriteAllText(folder["keys"], "1\n\n2\n");
        Assert.That(async () => await collection.ImportAsync(folder["a.fvecs"], new ImportOptions { VectorField = "w", KeyFile = folder["keys"] }), Throws.TypeOf<ExchangeException>().With.Message.Contains("line 3").And.Message.Contains("more keys than the 1 vectors"));
        var texts = database.GetDynamicCollection("texts", new CollectionDefinition { Vectors = [new VectorField("w", 2)] });
        await texts.EnsureCollectionExistsAsync();
        File.WriteAllText(folder["keys"], "\"\\ud83d\"");
        Assert.That(async () => await texts.ImportAsync(folder["a.fvecs"], new ImportOptions { KeyFile = folder["keys"] }), Throws.TypeOf<ExchangeException>().With.Message.Contains("line 1"));
        File.WriteAllText(folder["keys"], "\"one\"");
        Assert.That(async () => await collection.ImportAsync(folder["a.fvecs"], new ImportOptions { VectorField = "w", KeyFile = folder["keys"] }), Throws.TypeOf<ExchangeException>().With.Message.Contains("line 1"));
        File.WriteAllText(folder["keys"], "");
        Assert.That(async () => await collection.ImportAsync(folder["a.fvecs"], new ImportOptions { VectorField = "w", KeyFile = folder["keys"] }), Throws.TypeOf<ExchangeException>().With.Message.Contains("fewer keys"));
    }

    private static byte[] Npy(string header)
    {
        var padded = header.PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)padded.Length, (byte)(padded.Length >> 8), .. Encoding.ASCII.GetBytes(padded)];
    }

    private sealed class Told(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
