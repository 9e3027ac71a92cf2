using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Gguf;

public sealed class GgufFileTests
{
    private const string Epsilon = "llama.attention.layer_norm_rms_epsilon";
    private string _path = string.Empty;

    [SetUp]
    public void ChoosePath() => _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [Test]
    public void EveryReferenceFileOpens()
    {
        var files = new[] { "models", "tokenizers", "quantized-models", "stories", "stories-model" }.SelectMany(folder => Directory.GetFiles(Fixtures.Path(folder), "*.gguf", SearchOption.AllDirectories)).ToList();
        foreach (var path in files)
        {
            using var file = GgufFile.Open(path);
            Assert.That(file.Metadata.GetString("general.architecture"), Is.Not.Empty, path);
            Assert.That(file.Tensors.Sum(tensor => tensor.ByteLength), Is.LessThanOrEqualTo(file.ByteLength), path);
        }

        Assert.That(files, Has.Count.GreaterThan(40));
    }

    [Test]
    public void EveryBrokenFileIsRefusedAtOnceSayingWhatAndWhere()
    {
        var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("malformed", "index.json"))).RootElement;
        foreach (var entry in index.GetProperty("files").EnumerateArray())
        {
            var name = entry.GetProperty("file").GetString()!;
            var expect = entry.GetProperty("expect").GetString();
            var clock = Stopwatch.StartNew();
            var before = GC.GetTotalAllocatedBytes(true);
            ModelFormatException? error = null;
            try
            {
                GgufFile.Open(Fixtures.Path("malformed", name)).Dispose();
            }
            catch (ModelFormatException e)
            {
                error = e;
            }

            TestContext.Out.WriteLine($"{name}: {error?.Message ?? "opens"}");
            Assert.That(GC.GetTotalAllocatedBytes(true) - before, Is.LessThan(16 << 20), name);
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)), name);
            switch (expect)
            {
                case "refuse":
                    Assert.That(error, Is.Not.Null, name);
                    Assert.That(error!.Offset, Is.Not.Null, name);
                    Assert.That(error.Message, Does.Contain(name), name);
                    break;
                case "accept":
                    Assert.That(error, Is.Null, name);
                    break;
            }
        }
    }

    private static readonly TestCaseData[] OtherFiles =
    [
        new(new byte[] { 54, 0, 0, 0, 0, 0, 0, 0 }.Concat("{\"t\":{\"dtype\":\"F32\"}}"u8.ToArray()).ToArray(), "a safetensors file. A model for PyTorch is converted with llama.cpp's convert_hf_to_gguf.py"),
        new("PK\u0003\u0004 and so on"u8.ToArray(), "a zip archive, as PyTorch's files are"),
        new("tjgg and so on"u8.ToArray(), "a model of llama.cpp from before GGUF"),
        new("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a"u8.ToArray(), "a pointer of Git LFS"),
        new("\ufeff\n <!DOCTYPE html>"u8.ToArray(), "a web page"),
        new("Entry not found"u8.ToArray(), "text that begins with 'Entry not found'"),
        new(new byte[] { 8, 7, 0x12, 7, 255 }, "another kind of file (its first bytes are 08071207ff)"),
    ];

    [TestCaseSource(nameof(OtherFiles))]
    public void AFileOfAnotherFormatIsToldByName(byte[] content, string what)
    {
        File.WriteAllBytes(_path, content);
        Assert.That(() => GgufFile.Open(_path), Throws.TypeOf<ModelFormatException>().With.Message.Contains($"does not begin with 'GGUF': it is {what}").And.Property("Offset").Zero);
    }

    [Test]
    public void AMissingFileAndAFolderSayWhereAndWhatToDo()
    {
        var name = Path.GetRandomFileName();
        Assert.That(() => GgufFile.Open(name), Throws.TypeOf<AbiException>().With.Message.StartWith($"There is no model file at '{name}', which is '{Path.GetFullPath(name)}'. Give the path of a GGUF file"));
        var folder = Directory.CreateDirectory(_path + ".d").FullName;
        try
        {
            Assert.That(() => GgufFile.Open(folder), Throws.TypeOf<AbiException>().With.Message.StartWith($"'{folder}' is a folder. Name a GGUF file in it; there is none").And.Message.Contains("convert_hf_to_gguf.py"));
            File.WriteAllBytes(Path.Combine(folder, "a.gguf"), []);
            Assert.That(() => GgufFile.Open(folder), Throws.TypeOf<AbiException>().With.Message.EqualTo($"'{folder}' is a folder. Name a GGUF file in it, such as 'a.gguf'."));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public async Task ABrokenFileDoesNotLoadAndADoubtfulOneGivesAnErrorOrFiniteText()
    {
        using var index = JsonDocument.Parse(await File.ReadAllTextAsync(Fixtures.Path("malformed", "index.json")));
        foreach (var entry in index.RootElement.GetProperty("files").EnumerateArray())
        {
            var name = entry.GetProperty("file").GetString()!;
            var expect = entry.GetProperty("expect").GetString();
            AbiException? error = null;
            try
            {
                await GenerateAsync(Fixtures.Path("malformed", name));
            }
            catch (AbiException e)
            {
                error = e;
            }

            TestContext.Out.WriteLine($"{name}: {error?.Message ?? "generates"}");
            Assert.That(error, expect switch { "refuse" => Is.TypeOf<ModelFormatException>(), "accept" => Is.Null, _ => Is.Null.Or.InstanceOf<AbiException>() }, name);
        }
    }

    [TestCase("llama.block_count", uint.MaxValue)]
    [TestCase("llama.block_count", (uint)int.MaxValue)]
    [TestCase("llama.block_count", 1_000_000u)]
    [TestCase("llama.attention.head_count", 0u)]
    [TestCase("llama.attention.head_count", uint.MaxValue)]
    [TestCase("llama.attention.head_count_kv", 0u)]
    [TestCase("llama.attention.head_count_kv", 77u)]
    [TestCase("llama.embedding_length", 0u)]
    [TestCase("llama.embedding_length", 63u)]
    [TestCase("llama.feed_forward_length", uint.MaxValue)]
    [TestCase("llama.rope.dimension_count", uint.MaxValue)]
    public void NumbersThatDoNotFitTheTensorsAreRefusedAtOnce(string key, uint value) => AssertRefused(metadata =>
    {
        Assert.That(metadata.Contains(key), key);
        return metadata.With(key, GgufValue.Of(value));
    });

    [TestCase(-1f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void AnAbsurdEpsilonIsRefused(float epsilon) => AssertRefused(metadata => metadata.With(Epsilon, GgufValue.Of(epsilon)), said: [Epsilon, "negative"]);

    [Test]
    public void AModelWithoutAnEpsilonIsRefused() => AssertRefused(metadata => metadata.Without(Epsilon), said: [Epsilon, "neither"]);

    [Test]
    public void AVocabularyThatIsSmallerThanTheEmbeddingsIsRefused() =>
        AssertRefused(metadata => metadata.With("tokenizer.ggml.tokens", GgufValue.Of(metadata.GetStringArray("tokenizer.ggml.tokens")[..^3])), said: ["tokenizer.ggml.tokens", "token_embd.weight"]);

    [TestCase("token_embd.weight")]
    [TestCase("output_norm.weight")]
    [TestCase("blk.0.attn_norm.weight")]
    [TestCase("blk.0.attn_q.weight")]
    [TestCase("blk.0.attn_k.weight")]
    [TestCase("blk.0.attn_v.weight")]
    [TestCase("blk.0.attn_output.weight")]
    [TestCase("blk.0.ffn_norm.weight")]
    [TestCase("blk.0.ffn_gate.weight")]
    [TestCase("blk.0.ffn_up.weight")]
    [TestCase("blk.0.ffn_down.weight")]
    public void AModelThatLacksATensorIsRefused(string name) => AssertRefused(metadata => metadata, without: name, said: name);

    [TestCase("", 0, "tensor 0 has 0 bytes; 1 to 63")]
    [TestCase("b", 32, "Tensor 'b' begins at offset 32 of the data, inside tensor 'a', which ends at 64")]
    [TestCase("b", 0, "inside tensor")]
    public void TensorsThatShareBytesOrHaveNoNameAreRefused(string second, long offset, string said) =>
        Assert.That(() => GgufFile.Open(WriteTensors((second.Length == 0 ? second : "a", 0), (second, offset))), Throws.TypeOf<ModelFormatException>().With.Message.Contains(said));

    [Test]
    public void NamesOfTensorsHave63BytesAtMost()
    {
        using (var file = GgufFile.Open(WriteTensors((new string('n', 63), 64), ("a", 0))))
        {
            Assert.That(file.Tensors.Select(tensor => tensor.Name.Length), Is.EqualTo(new[] { 63, 1 }), "the order of the data is the file's own");
        }

        Assert.That(() => GgufFile.Open(WriteTensors((new string('n', 64), 0))), Throws.TypeOf<ModelFormatException>().With.Message.Contains("64 bytes; 1 to 63"));
    }

    [Test]
    public void AnEmptyKeyIsRefused() => Assert.That(() => GgufFile.Open(WriteTensors(hasEmptyKey: true)), Throws.TypeOf<ModelFormatException>().With.Message.Contains("metadata key 0 has 0 bytes"));

    private string WriteTensors(params ReadOnlySpan<(string Name, long Offset)> tensors) => WriteTensors(false, tensors);

    /// <summary>A file of tensors of 64 bytes at these offsets.</summary>
    private string WriteTensors(bool hasEmptyKey, params ReadOnlySpan<(string Name, long Offset)> tensors)
    {
        using var writer = new BinaryWriter(File.Create(_path));
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)tensors.Length);
        writer.Write(hasEmptyKey ? 1L : 0L);
        if (hasEmptyKey)
        {
            writer.Write(0L);
            writer.Write((int)GgufValueType.UInt32);
            writer.Write(1);
        }

        foreach (var (name, offset) in tensors)
        {
            writer.Write((long)name.Length);
            writer.Write(Encoding.ASCII.GetBytes(name));
            writer.Write(1);
            writer.Write(16L);
            writer.Write((int)Compute.Formats.TensorType.F32);
            writer.Write(offset);
        }

        writer.Write(new byte[256]);
        return _path;
    }

    /// <summary>Loads the control file with changed metadata, or without one tensor.</summary>
    private void AssertRefused(Func<GgufMetadata, GgufMetadata> change, string? without = null, params string[] said)
    {
        using var file = GgufFile.Open(Fixtures.Path("malformed", "valid-control.gguf"));
        Assert.That(without is null || file.FindTensor(without) is not null, without);
        var writer = new GgufWriter(change(file.Metadata));
        foreach (var tensor in file.Tensors.Where(tensor => tensor.Name != without))
        {
            writer.Add(tensor);
        }

        writer.Write(_path);
        var clock = Stopwatch.StartNew();
        var error = Assert.CatchAsync<AbiException>(() => GenerateAsync(_path))!;
        Assert.That(said.All(error.Message.Contains), error.Message);
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
    }

    private static async Task GenerateAsync(string path)
    {
        await using var model = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Device = new Compute.Scalar.ScalarDevice() });
        var ids = new List<int>();
        var options = new GenerationOptions { MaximumTokens = 4, IgnoreEndOfGeneration = true, LogProbabilities = 1, Sampling = new SamplingOptions { Temperature = 0 } };
        await foreach (var piece in model.GenerateAsync(new[] { 1, 2, 3 }, options))
        {
            ids.AddRange(piece.Tokens.Select(token => token.Id));
            Assert.That(piece.Tokens.All(token => token.Id >= 0 && token.Id < model.Tokenizer.VocabularySize), path);
        }

        Assert.That(ids, Is.Not.Empty, path);
    }

    [Test]
    public void AMissingFileIsSaidToBeMissing() =>
        Assert.That(() => GgufFile.Open("no-such-model.gguf"), Throws.TypeOf<AbiException>().With.Message.Contains("no-such-model.gguf"));
}
