using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

public sealed class InfoTests
{
    [Test]
    public async Task EverythingInTheFileIsTold()
    {
        var run = await CliRun.SucceedAsync("info", "stories");
        Assert.That(run.Output, Does.Contain("architecture   llama").And.Contain("5.77 M (5770496)").And.Contain("runs           yes, as a decoder").And.Contain("keys and values 1.50 MiB"));
        Assert.That(run.Output, Does.Contain("llama.context_length").And.Match("blk\\.0\\.attn_q\\.weight +Q8_0 +\\[256, 256\\]"));

        var json = (await CliRun.SucceedAsync("info", "stories", "--json")).Json;
        Assert.That(json.GetProperty("parameters").GetInt64(), Is.EqualTo(5770496));
        Assert.That(json.GetProperty("supported").GetBoolean(), Is.True);
        Assert.That(json.GetProperty("metadata").GetProperty("llama.context_length").GetInt32(), Is.EqualTo(512));
        Assert.That(json.GetProperty("metadata").GetProperty("tokenizer.ggml.tokens").GetProperty("count").GetInt32(), Is.EqualTo(4096));
        Assert.That(json.GetProperty("memory").GetProperty("cache").GetInt64(), Is.EqualTo(512L * 6 * 2 * 4 * 32 * 2), "512 positions of 6 blocks, keys and values of 4 heads of 32 halves");
        Assert.That(json.GetProperty("tensors").EnumerateArray().First(t => t.GetProperty("name").GetString() == "blk.0.ffn_down.weight").GetProperty("shape").GetRawText(), Is.EqualTo("[768,256]"));
        Assert.That((await CliRun.SucceedAsync("info", "stories", "--json", "--full")).Json.GetProperty("metadata").GetProperty("tokenizer.ggml.tokens")[1].GetString(), Is.EqualTo("<s>"));
    }

    [Test]
    public async Task OneKeyCanBeAskedFor()
    {
        Assert.That((await CliRun.SucceedAsync("info", "stories", "--key", "general.architecture")).Output, Is.EqualTo("llama\n"));
        Assert.That((await CliRun.SucceedAsync("info", "stories", "--key", "general.architecture", "--json")).Output, Is.EqualTo("\"llama\"\n"));
        Assert.That((await CliRun.SucceedAsync("info", "stories", "--key", "llama.block_count")).Output, Is.EqualTo("6\n"));
        Assert.That((await CliRun.SucceedAsync("info", "stories", "--key", "llama.attention.layer_norm_rms_epsilon")).Output, Is.EqualTo("1E-05\n"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "info", "stories", "--key", "no.such")).Error, Does.Contain("'no.such'"));
    }

    [Test]
    public async Task TheContextSetsTheMemory()
    {
        async Task<JsonElement> Memory(params string[] options) => (await CliRun.SucceedAsync(["info", "stories", "--json", .. options])).Json.GetProperty("memory");
        var (small, large) = (await Memory("-c", "100"), await Memory("-c", "200", "--cache-type", "f32"));
        Assert.That(large.GetProperty("cache").GetInt64(), Is.EqualTo(4 * small.GetProperty("cache").GetInt64()));
        Assert.That(small.GetProperty("total").GetInt64(), Is.EqualTo(new[] { "weights", "cache", "recurrent", "scratch" }.Sum(name => small.GetProperty(name).GetInt64())));
    }

    [TestCase("llama")]
    [TestCase("bert")]
    [TestCase("t5")]
    [TestCase("mamba")]
    public async Task ThePlanIsPrinted(string name)
    {
        var model = Fixtures.Path("models", $"{name}.gguf");
        var run = await CliRun.SucceedAsync("info", model, "--plan");
        Assert.That(run.Output, Does.Contain("MatMul").And.Contain("token_embd.weight").And.Contain("the plan of the device"));
        var plans = (await CliRun.SucceedAsync("info", model, "--plan", "--json")).Json.GetProperty("plans");
        Assert.That(plans.EnumerateArray().Select(plan => plan.GetProperty("name").GetString()), Is.EqualTo(name switch { "bert" => new[] { "embeddings" }, "t5" => ["encoder", "decoder"], _ => ["decoder"] }));
        Assert.That(plans[0].GetProperty("graph").GetArrayLength(), Is.GreaterThan(5));
        Assert.That(plans[0].GetProperty("stages").GetArrayLength(), Is.GreaterThan(5));
    }

    [TestCase("llama-spm")]
    [TestCase("bert-bge")]
    [TestCase("unigram-nfkc")]
    public async Task AVocabularyAloneIsNoProblem(string name)
    {
        var json = (await CliRun.SucceedAsync("info", Fixtures.Path("tokenizers", $"{name}.gguf"), "--json")).Json;
        Assert.That(json.GetProperty("supported").GetBoolean(), Is.False);
        Assert.That(json.GetProperty("unsupported_reason").GetString(), Is.Not.Empty);
        Assert.That(json.GetProperty("vocabulary_size").GetInt32(), Is.GreaterThan(100));
        Assert.That((await CliRun.SucceedAsync("info", Fixtures.Path("tokenizers", $"{name}.gguf"))).Output, Does.Contain("runs           no."));
    }

    [Test]
    public async Task AnArchitectureThatCannotBeRunIsNoProblem()
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter(new GgufMetadata(
        [
            new("general.architecture", GgufValue.Of("martian")), new("martian.flags", GgufValue.Of([true, false])), new("martian.text", GgufValue.Of("line one\nline \"two\" ä")),
            new("martian.large", GgufValue.Of(ulong.MaxValue)), new("martian.number", GgufValue.Of(0.1f)),
        ]));
        writer.Add("a.weight", TensorType.F32, [4, 2], new byte[32]);
        writer.Write(folder["martian.gguf"]);
        var run = await CliRun.SucceedAsync("info", folder["martian.gguf"]);
        Assert.That(run.Output, Does.Contain("martian").And.Contain("runs           no. The model's architecture 'martian' is not supported").And.Contain("line one\\nline"));
        var metadata = (await CliRun.SucceedAsync("info", folder["martian.gguf"], "--json")).Json.GetProperty("metadata");
        Assert.That(metadata.GetProperty("martian.flags").GetRawText(), Is.EqualTo("[true,false]"));
        Assert.That(metadata.GetProperty("martian.text").GetString(), Is.EqualTo("line one\nline \"two\" ä"));
        Assert.That(metadata.GetProperty("martian.large").GetUInt64(), Is.EqualTo(ulong.MaxValue));
        Assert.That(metadata.GetProperty("martian.number").GetRawText(), Is.EqualTo("0.1"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "info", folder["martian.gguf"], "--plan")).Error, Does.Contain("martian"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", folder["martian.gguf"], "-p", "x")).Error, Does.Contain("martian"));
    }
}
