using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tests.Engine;
using Abi.Testing;

namespace Abi.Llm.Tests.Adapters;

/// <summary>Adapters of experts' matrices and of embeddings are the low-rank changes that their files define, in every form and company.</summary>
[Parallelizable]
public sealed class ExpertAndEmbeddingAdapterTests
{
    private static readonly int[] Ids = [1, 5, 40, 271, 7, 7, 100, 33];

    private readonly string _folder = Directory.CreateTempSubdirectory("abi-adapters").FullName;

    private string Experts => PathOf("experts.gguf");

    private string Dense => PathOf("dense.gguf");

    private string Tied => PathOf("tied.gguf");

    [OneTimeSetUp]
    public void WriteModels()
    {
        SmallModels.WriteExperts(Experts);
        SmallModels.WriteDense(Dense);
        SmallModels.WriteDense(Tied, isTied: true);
    }

    [OneTimeTearDown]
    public void RemoveModels() => Directory.Delete(_folder, recursive: true);

    /// <summary>Of a tied model, what is said of tokens changes, and the output does not: as the layer of embeddings is adapted where adapters are trained.</summary>
    [TestCase("experts", "experts", 1f, "everything", -0.4f)]
    [TestCase("dense", "embeddings", 0.8f)]
    [TestCase("tied", "embeddings", 0.8f)]
    public async Task AppliedMergedAndWrittenOutChangesAreTheSameModel(string model, params object[] adapters)
    {
        var files = adapters.Chunk(2).Select(pair => (SmallModels.PathOf($"{pair[0]}.gguf"), (float)pair[1])).ToArray();
        var (path, changed, merged) = (PathOf($"{model}.gguf"), PathOf($"{model}-changed.gguf"), PathOf($"{model}-merged.gguf"));
        SmallModels.WriteChanged(path, changed, files);
        var names = AdapterMerger.Merge(path, merged, files);
        var plain = await LogitsAsync(path);
        var expected = await LogitsAsync(changed);
        Assert.That(Distance(plain, expected), Is.GreaterThan(0.1), "they differ");
        Assert.That(Distance(await LogitsAsync(path, files), expected), Is.LessThan(2e-5));
        Assert.That(Distance(await LogitsAsync(merged), expected), Is.LessThan(2e-5));
        using var adapter = GgufFile.Open(files[^1].Item1);
        Assert.That(names, Is.EquivalentTo(adapter.Tensors.Select(tensor => tensor.Name[..^7]).Distinct()));
        using var mergedFile = GgufFile.Open(merged);
        using var file = GgufFile.Open(path);
        Assert.That(mergedFile.Tensors, Has.Count.EqualTo(file.Tensors.Count + (model == "tied" ? 1 : 0)));
    }

    [Test]
    public async Task RequestsWithAndWithoutRunTogetherWithTheBitsOfEachAlone()
    {
        await using var model = await LoadAsync(Experts);
        using var one = await model.LoadAdapterAsync(SmallModels.PathOf("experts.gguf"));
        using var other = await model.LoadAdapterAsync(SmallModels.PathOf("everything.gguf"));
        GenerationOptions[] options =
        [
            Options([]), Options([new AdapterUse(one)]), Options([new AdapterUse(other, 0.5f)]), Options([new AdapterUse(one, -1), new AdapterUse(other)]), Options([new AdapterUse(other, 0.5f)]),
        ];
        var alone = new List<string>();
        foreach (var each in options)
        {
            alone.Add(await BitsAsync(each));
        }

        Assert.That(alone.Distinct().Count(), Is.EqualTo(4), "they differ");
        Assert.That(await Task.WhenAll(options.Select(BitsAsync)), Is.EqualTo(alone));
        one.Dispose();
        other.Dispose();
        Assert.That(await BitsAsync(options[0]), Is.EqualTo(alone[0]));

        static GenerationOptions Options(AdapterUse[] uses) => new() { Adapters = [.. uses], MaximumTokens = 24, LogProbabilities = 0, IgnoreEndOfGeneration = true, Sampling = SamplingOptions.Greedy };

        async Task<string> BitsAsync(GenerationOptions each) =>
            string.Join(' ', (await model.Engine.Start(Ids, each).ReadPiecesAsync().ToListAsync()).SelectMany(piece => piece.Tokens).Select(token => $"{token.Id}:{BitConverter.SingleToInt32Bits(token.LogProbability)}"));
    }

    [TestCase(1)]
    [TestCase(4)]
    public void NothingIsAllocatedForAToken(int sequences) => Assert.That(AllocationProbe.Measure(Experts, sequences, "cpu", SmallModels.PathOf("everything.gguf")), Is.Zero);

    [TestCase("experts", "experts", "mlp.experts.{0}.gate_proj mlp.experts.{0}.up_proj mlp.experts.{0}.down_proj")]
    [TestCase("experts", "experts", "block_sparse_moe.experts.{0}.w1 block_sparse_moe.experts.{0}.w3 block_sparse_moe.experts.{0}.w2")]
    [TestCase("dense", "embeddings", "")]
    public async Task BothFormsOfAnAdapterAreTheSameModel(string model, string name, string modules)
    {
        var gguf = SmallModels.PathOf($"{name}.gguf");
        WritePeft(gguf, modules.Split(' '), static _ => true);
        var path = PathOf($"{model}.gguf");
        Assert.That(Distance(await LogitsAsync(path, (_folder, 1)), await LogitsAsync(path, (gguf, 1))), Is.LessThan(2e-5));
    }

    [Test]
    public async Task WhatDoesNotFitIsRefusedByName()
    {
        await using var experts = await LoadAsync(Experts);
        await using var dense = await LoadAsync(Dense);
        var file = SmallModels.PathOf("experts.gguf");
        string[] modules = ["mlp.experts.{0}.gate_proj", "mlp.experts.{0}.up_proj", "mlp.experts.{0}.down_proj"];
        WritePeft(file, modules, static name => !name.Contains(".experts.2.up_proj", StringComparison.Ordinal));
        Assert.That(async () => await experts.LoadAdapterAsync(_folder), Throws.TypeOf<ModelFormatException>().With.Message.Contains("not expert 2 of 4"));
        WritePeft(file, ["mlp.experts.1{0}.gate_proj", modules[1], modules[2]], static _ => true);
        Assert.That(async () => await experts.LoadAdapterAsync(_folder), Throws.TypeOf<ModelFormatException>().With.Message.Contains("expert 10 of 4"));
        await RefusedAsync(experts, "blk.0.ffn_up_exps.weight", [32, 2, 3], [2, 48, 3], "4 matrices of floats are needed");
        await RefusedAsync(experts, "blk.0.ffn_up_exps.weight", [32, 2], [2, 48], "4 matrices of floats are needed");
        await RefusedAsync(experts, "blk.0.ffn_up_exps.weight", [48, 2, 4], [2, 32, 4], "the matrix is [48, 32]");
        await RefusedAsync(experts, "blk.0.attn_q.weight", [32, 2, 4], [2, 32, 4], "a matrix of floats is needed");
        await RefusedAsync(dense, "token_embd.weight", [32, 2], [2, 272], "the matrix is [272, 32]"); // as a product's, not as llama.cpp's
        await RefusedAsync(dense, "output_norm.weight", [32, 2], [2, 1], "'output_norm.weight'");

        async Task RefusedAsync(LanguageModel model, string name, long[] a, long[] b, string expected)
        {
            var path = PathOf("refused.gguf");
            var writer = new GgufWriter(new GgufMetadata([]).With("general.architecture", GgufValue.Of(model == experts ? "qwen3moe" : "llama"))
                .With("general.type", GgufValue.Of("adapter")).With("adapter.type", GgufValue.Of("lora")).With("adapter.lora.alpha", GgufValue.Of(1f)));
            writer.Add($"{name}.lora_a", TensorType.F32, a, new byte[a.Aggregate(4L, static (product, length) => product * length)]);
            writer.Add($"{name}.lora_b", TensorType.F32, b, new byte[b.Aggregate(4L, static (product, length) => product * length)]);
            writer.Write(path);
            var error = Assert.ThrowsAsync<ModelFormatException>(async () => await model.LoadAdapterAsync(path));
            Assert.That(error!.Message, Does.Contain(expected).And.Contain(name));
        }
    }

    /// <summary>An adapter of a GGUF file in PEFT's form: a module for each expert; of embeddings the transposed of what GGUF has first.</summary>
    private void WritePeft(string gguf, string[] modules, Func<string, bool> isWritten)
    {
        using var file = GgufFile.Open(gguf);
        var header = new JsonObject();
        using var data = new MemoryStream();
        foreach (var a in file.Tensors.Where(tensor => tensor.Name.EndsWith(".lora_a", StringComparison.Ordinal)))
        {
            var target = a.Name[..^7];
            var b = file.GetTensor(target + ".lora_b");
            if (target == "token_embd.weight")
            {
                var (values, rank) = (a.ToFloats(), (int)a.Columns);
                Add("model.embed_tokens.lora_embedding_A", (int)a.Columns, (int)a.Rows, [.. Enumerable.Range(0, values.Length).Select(i => values[(i % (int)a.Rows * rank) + (i / (int)a.Rows)])]);
                Add("model.embed_tokens.lora_embedding_B", (int)b.Rows, (int)b.Columns, b.ToFloats());
                continue;
            }

            var module = modules[target.Contains("gate", StringComparison.Ordinal) ? 0 : target.Contains("up", StringComparison.Ordinal) ? 1 : 2];
            for (var e = 0; e < a.Shape[2]; e++)
            {
                var name = $"model.layers.{target.Split('.')[1]}.{module.Replace("{0}", $"{e}", StringComparison.Ordinal)}";
                Add($"{name}.lora_A.weight", (int)a.Shape[1], (int)a.Columns, Part(a, e));
                Add($"{name}.lora_B.weight", (int)b.Shape[1], (int)b.Columns, Part(b, e));
            }
        }

        var json = Encoding.UTF8.GetBytes(header.ToJsonString());
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        File.WriteAllBytes(PathOf("adapter_model.safetensors"), [.. length, .. json, .. data.ToArray()]);
        var alpha = file.Metadata.GetSingle("adapter.lora.alpha");
        File.WriteAllText(PathOf("adapter_config.json"), JsonSerializer.Serialize(new { peft_type = "LORA", lora_alpha = alpha }));

        static float[] Part(Abi.Compute.Tensors.WeightTensor tensor, int expert) => [.. tensor.ToFloats().Chunk((int)(tensor.Shape[0] * tensor.Shape[1])).ElementAt(expert)];

        void Add(string name, int rows, int columns, float[] values)
        {
            if (isWritten(name))
            {
                var start = data.Length;
                data.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));
                header["base_model.model." + name] = new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(rows, columns), ["data_offsets"] = new JsonArray(start, data.Length) };
            }
        }
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static async Task<float[]> LogitsAsync(string path, params (string Path, float Scale)[] adapters)
    {
        await using var model = await LoadAsync(path);
        var uses = new List<AdapterUse>();
        foreach (var (adapter, scale) in adapters)
        {
            uses.Add(new AdapterUse(await model.LoadAdapterAsync(adapter), scale));
        }

        var logits = await model.ComputeLogitsAsync(Ids, all: true, adapters: [.. uses]);
        uses.ForEach(static use => use.Adapter.Dispose());
        return logits;
    }

    private static Task<LanguageModel> LoadAsync(string path) =>
        LanguageModel.LoadAsync(path, new ModelLoadOptions { Engine = new EngineOptions { CacheType = TensorType.F32, Activations = ActivationPrecision.Exact } });

    private static float Distance(float[] found, float[] expected) => found.Zip(expected, static (a, b) => Math.Abs(a - b)).Max();
}
