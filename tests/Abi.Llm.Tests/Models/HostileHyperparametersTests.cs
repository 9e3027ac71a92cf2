using System.Runtime.InteropServices;
using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Testing;

namespace Abi.Llm.Tests.Models;

/// <summary>Numbers of a file that were made up so that what is computed of them does not fit into 32 bits, or is nothing: each ends in a named error or in a model that runs.</summary>
[Parallelizable]
public sealed class HostileHyperparametersTests
{
    private const int Width = 4;
    private static readonly long[] Extremes = [0, 1, 2, 3, 32, -1, int.MinValue, 49_152, 65_536, 65_538, 1 << 20, (1 << 20) + 1, int.MaxValue, uint.MaxValue];
    private static readonly int[] Ids = [1, 2, 3];

    public static IEnumerable<string> Families() => RecurrentModels.Names.Concat(GemmaModels.Names).Concat(DecoderModels.Names).Concat(
        Fixtures.TryPath("models") is { } folder ? Directory.GetFiles(folder, "*.gguf").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal) : []);

    [Test]
    public void HeadsThatOnlyFitTheTensorsModulo32BitsAreRefused()
    {
        // 65538 × 65536 is 2 × 65536 and 2³².
        const int Heads = 65_538, KeyValueHeads = 2, KeySize = 65_536;
        using var file = WriteLlama(Heads, KeyValueHeads, KeySize, valueSize: 1, queryRows: unchecked(Heads * KeySize), keyRows: KeyValueHeads * KeySize);
        Assert.That(() => ModelDefinition.Create(file), Throws.TypeOf<ModelFormatException>().With.Message.Contains("attn_q.weight").And.Message.Contains("4295098368"));
    }

    private static Action<string, string> WriterOf(string family) =>
        RecurrentModels.Names.Contains(family) ? RecurrentModels.Write : GemmaModels.Names.Contains(family) ? GemmaModels.Write : DecoderModels.Write;

    [Test]
    public void HeadsWhoseColumnsAreNegativeModulo32BitsFitNoTensor()
    {
        // 49152 × 65536 is −2³⁰ modulo 2³².
        using var file = WriteLlama(49_152, 49_152, 65_536, valueSize: 1, queryRows: 8, keyRows: 8);
        Assert.That(() => ModelDefinition.Create(file), Throws.TypeOf<ModelFormatException>().With.Message.Contains("attn_q.weight").And.Message.Contains("3221225472"));
    }

    [Test]
    public void ExtremesGiveAnErrorOrAModelThatRuns([ValueSource(nameof(Families))] string family)
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            if (!family.EndsWith(".gguf", StringComparison.Ordinal))
            {
                WriterOf(family)(path, family);
            }

            using var file = GgufFile.Open(File.Exists(path) ? path : Fixtures.Path("models", family));
            var architecture = file.Metadata.GetString("general.architecture");
            var outcomes = PairsOfKeys(file, architecture).Concat(HeadsOfOneSize(file, architecture)).GroupBy(changes => Runs(file, changes)).ToDictionary(group => group.Key, group => group.Count());
            TestContext.Out.WriteLine($"{outcomes.GetValueOrDefault(false)} refused, {outcomes.GetValueOrDefault(true)} ran");
            Assert.That(outcomes.GetValueOrDefault(false), Is.GreaterThan(100));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Every two keys that are integers, with numbers drawn for them.</summary>
    private static IEnumerable<(string Key, long Value)[]> PairsOfKeys(GgufFile file, string architecture)
    {
        string[] keys = [.. file.Metadata.Keys.Where(key => key.StartsWith($"{architecture}.", StringComparison.Ordinal) && file.Metadata.Get(key).Type is not (GgufValueType.Float32 or GgufValueType.String or GgufValueType.Boolean))];
        var random = new Random(7);
        return from first in keys from second in keys select new[] { (first, Extremes[random.Next(Extremes.Length)]), (second, Extremes[random.Next(Extremes.Length)]) };
    }

    /// <summary>As many heads of queries as of keys and values, all of one size: every two extremes, and two numbers whose product fits the tensors modulo 2³².</summary>
    private static IEnumerable<(string Key, long Value)[]> HeadsOfOneSize(GgufFile file, string architecture)
    {
        var numbers = ModelDefinition.Create(file).Hyperparameters;
        var pairs = from heads in Extremes from size in Extremes select (heads, size);
        return from pair in pairs.Append(Factors((long)numbers.Heads.Max() * numbers.KeySize))
               select new[]
               {
                   ($"{architecture}.attention.head_count", pair.Item1),
                   ($"{architecture}.attention.head_count_kv", pair.Item1),
                   ($"{architecture}.attention.key_length", pair.Item2),
                   ($"{architecture}.attention.value_length", pair.Item2),
               };
    }

    /// <summary>Two numbers up to 2²⁰ whose product is a number and a multiple of 2³².</summary>
    private static (long Heads, long Size) Factors(long product)
    {
        for (var wrapped = (1L << 32) + product; ; wrapped += 1L << 32)
        {
            for (long size = 1 << 20; size >= wrapped >> 20; size--)
            {
                if (wrapped % size == 0)
                {
                    return (wrapped / size, size);
                }
            }
        }
    }

    private static bool Runs(GgufFile file, (string Key, long Value)[] changes)
    {
        var metadata = changes.Aggregate(file.Metadata, (all, change) => all.With(change.Key, change.Value <= int.MaxValue ? GgufValue.Of((int)change.Value) : GgufValue.Of((uint)change.Value)));
        try
        {
            Run(ModelDefinition.Create(file.WithMetadata(metadata)));
            return true;
        }
        catch (AbiException)
        {
            return false;
        }
        catch (Exception error)
        {
            Assert.Fail($"{string.Join(", ", changes)}: {error}");
            throw;
        }
    }

    private static void Run(ModelDefinition model)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        if (model.DecoderGraph is null)
        {
            using var plan = device.Lower(model.EmbeddingGraph(EmbeddingPooling.Mean), new LoweringOptions());
            return;
        }

        using var runner = new ModelRunner(device, model, context: 32);
        if (model.EncoderGraph is not null)
        {
            runner.Encode(Ids);
        }

        runner.Feed(Ids);
    }

    /// <summary>A Llama of one block whose projections have the rows that are asked for, whatever its numbers say.</summary>
    private static GgufFile WriteLlama(int heads, int keyValueHeads, int keySize, int valueSize, int queryRows, int keyRows)
    {
        const int Vocabulary = 300, Inner = 8;
        var metadata = new Dictionary<string, GgufValue>(StringComparer.Ordinal)
        {
            ["general.architecture"] = GgufValue.Of("llama"),
            ["llama.context_length"] = GgufValue.Of(64u),
            ["llama.embedding_length"] = GgufValue.Of((uint)Width),
            ["llama.block_count"] = GgufValue.Of(1u),
            ["llama.feed_forward_length"] = GgufValue.Of((uint)Inner),
            ["llama.attention.head_count"] = GgufValue.Of((uint)heads),
            ["llama.attention.head_count_kv"] = GgufValue.Of((uint)keyValueHeads),
            ["llama.attention.key_length"] = GgufValue.Of((uint)keySize),
            ["llama.attention.value_length"] = GgufValue.Of((uint)valueSize),
            ["llama.rope.dimension_count"] = GgufValue.Of(64u),
            ["llama.attention.layer_norm_rms_epsilon"] = GgufValue.Of(1e-5f),
        };
        var writer = new GgufWriter(new GgufMetadata([.. metadata, .. SyntheticVocabulary.Create(Vocabulary)]));
        void Add(string name, params long[] shape) => writer.Add(WeightTensor.FromFloats(name, shape, new float[shape.Aggregate((a, b) => a * b)]));
        Add("token_embd.weight", Width, Vocabulary);
        Add("output_norm.weight", Width);
        Add("blk.0.attn_norm.weight", Width);
        Add("blk.0.attn_q.weight", Width, queryRows);
        Add("blk.0.attn_k.weight", Width, keyRows);
        Add("blk.0.attn_v.weight", Width, (long)keyValueHeads * valueSize);
        Add("blk.0.attn_output.weight", (long)heads * valueSize, Width);
        Add("blk.0.ffn_norm.weight", Width);
        Add("blk.0.ffn_gate.weight", Width, Inner);
        Add("blk.0.ffn_up.weight", Width, Inner);
        Add("blk.0.ffn_down.weight", Inner, Width);
        var stream = new MemoryStream();
        writer.Write(stream);
        var memory = new NativeBuffer(stream.Length);
        Marshal.Copy(stream.GetBuffer(), 0, memory.Address, (int)stream.Length);
        return GgufFile.Open(memory);
    }
}
