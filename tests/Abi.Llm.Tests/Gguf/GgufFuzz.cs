using System.Buffers.Binary;
using System.Diagnostics;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Tests.Tokenizers;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Gguf;

/// <summary>Broken headers through the reader, and, where it takes them, through what is built from them.</summary>
[Explicit("Minutes; run by name.")]
public sealed class GgufFuzz
{
    private const int Files = 1_000_000;

    /// <summary>More than the file's own size that reading one may allocate.</summary>
    private const long AllowedBytes = 64 << 20;

    private static readonly ulong[] Interesting = [0, 1, 2, 4, 8, 9, 12, 13, 31, 32, 127, 128, 255, 256, 65535, 65536, int.MaxValue, uint.MaxValue, long.MaxValue, ulong.MaxValue, 1UL << 31, 1UL << 32, 1UL << 40, 1UL << 62, 1UL << 63];

    private static readonly byte[][] TestTexts = ["Hello world"u8.ToArray(), "  the \xff\xfe 12345 ▁ <s> </s>\n你好 é"u8.ToArray()];

    [Test]
    public void MutatedHeaders()
    {
        var seeds = Seeds();
        var (opened, built, refused) = (0, 0, 0);
        var (most, slowest) = (0L, 0d);
        var gate = new object();
        Exception? failure = null;
        var clock = Stopwatch.StartNew();
        var workers = Math.Min(2, Environment.ProcessorCount);
        var threads = Enumerable.Range(0, workers).Select(worker => new Thread(() => Work(worker), 1 << 20)).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        TestContext.Out.WriteLine(
            $"{Files} files from {seeds.Count} in {clock.Elapsed.TotalSeconds:0} s: {refused} refused by the reader, {opened} opened, of which {built} gave a model and a tokenizer; at most {most} bytes more than the file's size, {slowest:0} ms");
        Assert.That(failure, Is.Null);
        Assert.That(opened, Is.GreaterThan(Files / 100));
        Assert.That(built, Is.GreaterThan(Files / 1000));
        Assert.That(most, Is.LessThan(AllowedBytes));

        void Work(int worker)
        {
            var memories = seeds.ConvertAll(seed => (new MutatedMemory(seed.Bytes), seed.Head));
            for (var number = worker; number < Files && failure is null; number += workers)
            {
                var random = new Random(number);
                var (memory, head) = memories[random.Next(memories.Count)];
                Mutate(memory, head, random);
                var before = GC.GetAllocatedBytesForCurrentThread();
                var start = Stopwatch.GetTimestamp();
                var stage = 0;
                try
                {
                    stage = Read(memory);
                }
                catch (Exception exception)
                {
                    lock (gate)
                    {
                        failure ??= new InvalidOperationException($"file {number}: {memory.Describe()}: {exception.GetType().Name} {exception.Message}", exception);
                    }

                    return;
                }

                var elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                var bytes = GC.GetAllocatedBytesForCurrentThread() - before - memory.Length;
                lock (gate)
                {
                    (opened, built, refused) = (opened + (stage > 0 ? 1 : 0), built + (stage > 1 ? 1 : 0), refused + (stage == 0 ? 1 : 0));
                    if (bytes > most || elapsed > slowest)
                    {
                        TestContext.Progress.WriteLine($"file {number}: {bytes} bytes, {elapsed:0} ms, stage {stage}");
                    }

                    (most, slowest) = (Math.Max(most, bytes), Math.Max(slowest, elapsed));
                    if (bytes >= AllowedBytes || elapsed > 5000)
                    {
                        failure ??= new InvalidOperationException($"file {number}: {memory.Describe()}: {bytes} bytes, {elapsed} ms");
                    }
                }

                memory.Mend();
            }
        }
    }

    /// <summary>Well-formed files in which single values are not what they should be.</summary>
    [Test]
    public void MutatedValues()
    {
        List<GgufFile> seeds = [.. Seeds().Where(seed => Opens(seed.Bytes)).Select(seed => GgufFile.Open(new MutatedMemory(seed.Bytes)))];
        var (built, count, slowest) = (0, 100_000, 0d);
        for (var number = 0; number < count; number++)
        {
            var random = new Random(number);
            var file = seeds[random.Next(seeds.Count)];
            var metadata = file.Metadata;
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var key = metadata.Keys[random.Next(metadata.Keys.Length)];
                metadata = random.Next(6) == 0 ? metadata.Without(key) : metadata.With(key, Value(metadata.Get(key), random));
            }

            var stream = new MemoryStream();
            var writer = new GgufWriter(metadata);
            foreach (var tensor in file.Tensors)
            {
                writer.Add(tensor);
            }

            writer.Write(stream);
            var start = Stopwatch.GetTimestamp();
            var memory = new MutatedMemory(stream.ToArray());
            try
            {
                built += Read(memory) > 1 ? 1 : 0;
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"file {number}: {exception.Message}", exception);
            }
            finally
            {
                memory.Free();
            }

            slowest = Math.Max(slowest, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        TestContext.Out.WriteLine($"{count} files, {built} gave a model or a tokenizer; the slowest took {slowest:0} ms");
        Assert.That(slowest, Is.LessThan(5000));
    }

    private static bool Opens(byte[] bytes)
    {
        try
        {
            return GgufFile.Open(new MutatedMemory(bytes)).Metadata.Keys.Length > 0;
        }
        catch (ModelFormatException)
        {
            return false;
        }
    }

    private static GgufValue Value(GgufValue old, Random random)
    {
        if (old is { Type: GgufValueType.Array, Count: > 1 } && random.Next(2) == 0)
        {
            switch (old.ElementType)
            {
                case GgufValueType.Int32:
                    var numbers = old.AsInt32Array();
                    numbers[random.Next(numbers.Length)] = (int)Interesting[random.Next(Interesting.Length)];
                    return GgufValue.Of(numbers.AsSpan());
                case GgufValueType.Float32:
                    var reals = old.AsSingleArray();
                    reals[random.Next(reals.Length)] = random.Next(2) == 0 ? float.NaN : float.PositiveInfinity;
                    return GgufValue.Of(reals.AsSpan());
                case GgufValueType.String:
                    var texts = old.AsUtf8Array();
                    texts[random.Next(texts.Length)] = texts[random.Next(texts.Length)];
                    return GgufValue.OfUtf8(random.Next(3) == 0 ? texts[..random.Next(texts.Length)] : texts);
            }
        }

        var value = Interesting[random.Next(Interesting.Length)];
        return random.Next(10) switch
        {
            0 => GgufValue.Of("text"),
            1 => GgufValue.Of([1, -1, (int)value]),
            2 => GgufValue.Of([float.NaN, 1]),
            3 => GgufValue.Of(["a", "", "b"]),
            4 => GgufValue.Of(value % 2 == 0),
            5 => GgufValue.Of((float)value),
            6 => GgufValue.Of((int)value),
            7 => GgufValue.Of(value),
            8 => GgufValue.Of(float.NaN),
            _ => GgufValue.Of((uint)value),
        };
    }

    /// <summary>Reads a file as far as it goes; only the library's own exceptions may end it.</summary>
    /// <returns>0 when the reader refused it, 1 when it was opened, 2 when a tokenizer or a model came of it.</returns>
    private static int Read(MutatedMemory memory)
    {
        GgufFile file;
        try
        {
            file = GgufFile.Open(memory, "fuzz.gguf");
        }
        catch (ModelFormatException)
        {
            return 0;
        }

        var stage = 1;
        try
        {
            var tokenizer = Tokenizer.FromMetadata(file.Metadata);
            foreach (var text in TestTexts)
            {
                tokenizer.Decode(tokenizer.Encode(text, addSpecial: true, parseSpecial: true));
            }

            stage = 2;
        }
        catch (AbiException)
        {
            // It says what is wrong; the tests of malformed files read what it says.
        }

        try
        {
            if (ModelDefinition.Create(file) is { } definition && definition.DecoderGraph is not null)
            {
                stage = 2;
            }
        }
        catch (AbiException)
        {
            // As above.
        }

        return stage;
    }

    private static void Mutate(MutatedMemory memory, int head, Random random)
    {
        // Mostly a single change: what is broken in one place goes furthest.
        for (var i = Math.Max(1, random.Next(-3, 6)); i > 0; i--)
        {
            // Half of the changes in the first kilobytes, where lengths and types are dense.
            var at = random.Next(2) == 0 ? random.Next(Math.Min(head, 2048)) : random.Next(head);
            switch (random.Next(8))
            {
                case 0:
                    memory.Set(at, (byte)random.Next(256));
                    break;
                case 1:
                    memory.Set(at, (byte)(memory.Get(at) ^ (1 << random.Next(8))));
                    break;
                case 2 or 3:
                    Write(memory, at, Interesting[random.Next(Interesting.Length)], 8);
                    break;
                case 4:
                    Write(memory, at, Interesting[random.Next(Interesting.Length)], 4);
                    break;
                case 5:
                    memory.Set(at, (byte)(memory.Get(at) + random.Next(-3, 4)));
                    break;
                case 6:
                    for (int j = random.Next(1, 64), from = random.Next(head); j > 0 && at < head && from < head; j--, at++, from++)
                    {
                        memory.Set(at, memory.Get(from));
                    }

                    break;
                default:
                    if (random.Next(4) == 0)
                    {
                        memory.Cut(random.Next(head));
                        head = Math.Max(1, (int)memory.Length);
                    }

                    break;
            }
        }
    }

    private static void Write(MutatedMemory memory, int at, ulong value, int size)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        for (var i = 0; i < size; i++)
        {
            memory.Set(at + i, bytes[i]);
        }
    }

    /// <summary>The files to break, and how long their heads are.</summary>
    private static List<(byte[] Bytes, int Head)> Seeds()
    {
        List<(byte[], int)> seeds = [];
        foreach (var path in Directory.GetFiles(Fixtures.Path("malformed"), "*.gguf").Concat(Directory.GetFiles(Fixtures.Path("models"), "*.gguf")).Append(Fixtures.Path("stories", "stories260K.Q4_0.gguf")))
        {
            var bytes = File.ReadAllBytes(path);
            if (bytes.Length > 0)
            {
                seeds.Add((bytes, HeadOf(bytes)));
            }
        }

        // Vocabularies: small ones whole, and the heads of the large.
        foreach (var model in SmallVocabularies.Models)
        {
            var stream = new MemoryStream();
            new GgufWriter(SmallVocabularies.Create(model)).Write(stream);
            seeds.Add((stream.ToArray(), (int)stream.Length));
        }

        foreach (var path in Directory.GetFiles(Fixtures.Path("tokenizers"), "*.gguf"))
        {
            using var file = GgufFile.Open(path);
            var stream = new MemoryStream();
            new GgufWriter(Shortened(file.Metadata)).Write(stream);
            seeds.Add((stream.ToArray(), (int)stream.Length));
        }

        return seeds;
    }

    private static int HeadOf(byte[] bytes)
    {
        try
        {
            using var file = GgufFile.Open(new MutatedMemory(bytes));
            return file.Tensors.Count == 0 ? bytes.Length : (int)Math.Min(bytes.Length, bytes.Length - file.Tensors.Sum(tensor => tensor.ByteLength));
        }
        catch (ModelFormatException)
        {
            return bytes.Length;
        }
    }

    /// <summary>A vocabulary's first thousand tokens and merges.</summary>
    private static GgufMetadata Shortened(GgufMetadata metadata)
    {
        const int Kept = 1000;
        foreach (var key in metadata.Keys)
        {
            var value = metadata.Get(key);
            if (value is { Type: GgufValueType.Array, Count: > Kept } && key.StartsWith("tokenizer.", StringComparison.Ordinal))
            {
                metadata = value.ElementType switch
                {
                    GgufValueType.String => metadata.With(key, GgufValue.OfUtf8(metadata.GetUtf8Array(key)[..Kept])),
                    GgufValueType.Float32 => metadata.With(key, GgufValue.Of(metadata.GetSingleArray(key).AsSpan(0, Kept))),
                    GgufValueType.Int32 => metadata.With(key, GgufValue.Of(metadata.GetInt32Array(key).AsSpan(0, Kept))),
                    _ => metadata,
                };
            }
        }

        return metadata;
    }
}
