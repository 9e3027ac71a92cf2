using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

[Parallelizable]
public sealed class GenerateTests
{
    private const string Prompt = "Once upon a time";

    [TestCase("llama")]
    [TestCase("qwen3")]
    public async Task GreedyIdsEqualTheReference(string name)
    {
        var facts = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("models", $"{name}.json"))).RootElement;
        var ids = string.Join(',', facts.GetProperty("tokens").EnumerateArray());
        var json = (await CliRun.SucceedAsync("generate", Fixtures.Path("models", $"{name}.gguf"), "--ids", ids, "-n", "32", "--temp", "0", "--ignore-eos", "--json")).Json;
        Assert.That(Ints(json.GetProperty("ids")), Is.EqualTo(Ints(facts.GetProperty("greedy"))));
        Assert.That(json.GetProperty("logprobs").EnumerateArray().Select(p => p.GetDouble()), Has.Exactly(32).InRange(-10, 0));
        Assert.That(json.GetProperty("finish_reason").GetString(), Is.EqualTo("length"));
        Assert.That(Ints(json.GetProperty("prompt_ids")), Is.EqualTo(Ints(facts.GetProperty("tokens"))));
        foreach (var time in new[] { "load_ms", "prompt_ms", "predicted_ms", "prompt_per_second", "predicted_per_second" })
        {
            Assert.That(json.GetProperty("timings").GetProperty(time).GetDouble(), Is.GreaterThan(0), time);
        }

        Assert.That(json.GetProperty("timings").GetProperty("prompt_n").GetInt32(), Is.EqualTo(32));
        Assert.That(json.GetProperty("timings").GetProperty("predicted_n").GetInt32(), Is.EqualTo(32));
    }

    [Test]
    public async Task TextIsStreamedToStdoutAndNothingElse()
    {
        var json = (await CliRun.SucceedAsync("generate", "stories", "-p", Prompt, "-n", "12", "--temp", "0", "--json")).Json;
        var run = await CliRun.SucceedAsync("generate", "stories", "-p", Prompt, "-n", "12", "--temp", "0");
        Assert.That(run.Output, Is.EqualTo($"{json.GetProperty("text").GetString()}\n"));
        Assert.That(run.Error, Is.Empty);
        Assert.That(run.Output, Does.Contain("little girl"));
        Assert.That((await CliRun.SucceedAsync("generate", "stories", "-p", Prompt, "-n", "12", "--temp", "0", "--echo")).Output, Is.EqualTo(Prompt + run.Output));
        Assert.That((await CliRun.SucceedAsync("generate", "stories", "--ids", "1,425,434,261,398", "-n", "12", "--temp", "0")).Output, Is.EqualTo(run.Output));
        var piped = await CliRun.RunAsync("Once upon a time\n"u8.ToArray(), default, "generate", "stories", "-f", "-", "-n", "12", "--temp", "0");
        Assert.That(piped.Output, Is.EqualTo(run.Output));
        Assert.That((await CliRun.SucceedAsync("generate", "stories", "-p", Prompt, "-n", "2", "--temp", "0", "-v")).Error, Does.Contain("t/s"));
    }

    [Test]
    public async Task ASeedGivesTheSameTextAgain()
    {
        async Task<JsonElement> Generate(params string[] options) => (await CliRun.SucceedAsync(["generate", "stories", "-p", Prompt, "-n", "10", "--json", .. options])).Json;
        var first = await Generate("--seed", "42", "--temp", "1.2");
        Assert.That((await Generate("--seed", "42", "--temp", "1.2")).GetProperty("text").GetString(), Is.EqualTo(first.GetProperty("text").GetString()));
        Assert.That(first.GetProperty("seed").GetInt64(), Is.EqualTo(42));
        var random = await Generate("--temp", "1.2", "--seed", "-1");
        Assert.That((await Generate("--temp", "1.2", "--seed", random.GetProperty("seed").ToString())).GetProperty("text").GetString(), Is.EqualTo(random.GetProperty("text").GetString()), "the seed that was taken is told");
    }

    [Test]
    public async Task SamplingOptionsReachTheSampler()
    {
        async Task<int[]> Ids(params string[] options) => Ints((await CliRun.SucceedAsync(["generate", "stories", "-p", Prompt, "-n", "8", "--seed", "1", "--json", .. options])).Json.GetProperty("ids"));
        var greedy = await Ids("--temp", "0");
        Assert.That(await Ids("--top-k", "1"), Is.EqualTo(greedy));
        Assert.That(await Ids("--top-p", "0", "--temp", "2"), Is.EqualTo(greedy));
        Assert.That(await Ids("--samplers", "top_k;temperature", "--top-k", "1", "--min-p", "0"), Is.EqualTo(greedy));
        Assert.That(await Ids("--sampler-seq", "kt", "--top-k", "1"), Is.EqualTo(greedy));
        Assert.That(await Ids("--temp", "0", "--logit-bias", $"{greedy[0]}-inf"), Has.None.EqualTo(greedy[0]));
        Assert.That((await Ids("--temp", "0", "-l", "300+1000"))[0], Is.EqualTo(300));
        Assert.That(await Ids("--temp", "0", "-l", "300+1000", "--repeat-penalty", "1e4"), Is.Not.EqualTo(Enumerable.Repeat(300, 8)));
        await Ids(
            "--typical", "0.9", "--tfs", "0.95", "--top-nsigma", "2", "--xtc-probability", "0.5", "--xtc-threshold", "0.2", "--dry-multiplier", "0.8", "--dry-base", "1.5", "--dry-allowed-length", "3",
            "--dry-penalty-last-n", "-1", "--dry-sequence-breaker", "x", "--repeat-last-n", "-1", "--presence-penalty", "0.1", "--frequency-penalty", "0.1", "--dynatemp-range", "0.3", "--dynatemp-exp", "2");
        await Ids("--mirostat", "2", "--mirostat-lr", "0.2", "--mirostat-ent", "4");
        await Ids("--mirostat", "1");
        await Ids("--adaptive-target", "0.5", "--adaptive-decay", "0.5");
    }

    [Test]
    public async Task StopTextsEndTheTextAndDoNotShow()
    {
        var json = (await CliRun.SucceedAsync("generate", "stories", "-p", Prompt, "-n", "60", "--temp", "0", "--stop", " girl", "--stop", "never seen", "--json")).Json;
        Assert.That(json.GetProperty("text").GetString(), Is.EqualTo(", there was a little"));
        Assert.That(json.GetProperty("finish_reason").GetString(), Is.EqualTo("stop_string"));
        Assert.That(json.GetProperty("stop_string").GetString(), Is.EqualTo(" girl"));
    }

    [Test]
    public async Task TheMostLikelyTokensAreToldWhenAskedFor()
    {
        var json = (await CliRun.SucceedAsync("generate", "stories", "-p", Prompt, "-n", "3", "--temp", "0", "--top-logprobs", "2", "--json")).Json;
        var top = json.GetProperty("top_logprobs")[0];
        Assert.That(top.GetArrayLength(), Is.EqualTo(2));
        Assert.That(top[0].GetProperty("id").GetInt32(), Is.EqualTo(json.GetProperty("ids")[0].GetInt32()));
        Assert.That(top[0].GetProperty("logprob").GetSingle(), Is.EqualTo(json.GetProperty("logprobs")[0].GetSingle()).Within(1e-6));
        Assert.That(top[1].GetProperty("logprob").GetSingle(), Is.LessThan(top[0].GetProperty("logprob").GetSingle()));
    }

    [Test]
    public async Task AFullContextFollowsThePolicy()
    {
        string[] arguments = ["generate", "stories", "-p", Prompt, "-c", "16", "-n", "20", "--temp", "0", "--ignore-eos", "--json"];
        var error = await CliRun.FailAsync(ExitCode.Failed, arguments);
        Assert.That(error.Error, Does.Contain("context holds 16").And.Contain("--context-full"));
        Assert.That((await CliRun.SucceedAsync([.. arguments, "--context-full", "truncate"])).Json.GetProperty("finish_reason").GetString(), Is.EqualTo("context_full"));
        var shifted = (await CliRun.SucceedAsync([.. arguments, "--context-full", "shift", "--keep", "2"])).Json;
        Assert.That(shifted.GetProperty("ids").GetArrayLength(), Is.EqualTo(20));
    }

    [Test]
    public async Task CancellingKeepsWhatCameAndEndsWith130()
    {
        using var stop = new CancellationTokenSource();
        using var output = new CancelOnWrite(stop, after: 3);
        using var error = new StringWriter();
        using var console = new Abi.Cli.Terminal.CliConsole(Stream.Null, output, error);
        var code = await CliApplication.RunAsync(["generate", "stories", "-p", Prompt, "-c", "512", "--temp", "0", "--ignore-eos", "--context-full", "shift"], console, stop.Token);
        Assert.That(code, Is.EqualTo(ExitCode.Cancelled));
        Assert.That(error.ToString(), Does.Contain("cancelled"));
        Assert.That(System.Text.Encoding.UTF8.GetString(output.ToArray()), Does.StartWith(", there was").And.EndsWith("\n"));
    }

    [Test]
    public async Task TheFormOfTheTextCanBeSet()
    {
        using var folder = new TemporaryFolder();
        async Task<string> Text(params string[] options) => (await CliRun.SucceedAsync(["generate", "stories", "-p", Prompt, "-n", "40", "--temp", "0", "--json", .. options])).Json.GetProperty("text").GetString()!;
        File.WriteAllText(folder["g.gbnf"], "root ::= \" yes\" | \" no\"\n");
        Assert.That(await Text("--grammar-file", folder["g.gbnf"]), Is.EqualTo(" yes").Or.EqualTo(" no"));
        Assert.That(await Text("--grammar", "root ::= [0-9] [0-9]"), Does.Match("^[0-9]{2}$"));
        Assert.That(await Text("--regex", "ab?c{3}"), Does.Match("^ab?c{3}$"));
        const string Schema = """{"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":9}},"required":["n"],"additionalProperties":false}""";
        File.WriteAllText(folder["s.json"], Schema);
        foreach (var options in new string[][] { ["--json-schema", folder["s.json"]], ["--json-schema", Schema], ["--json-schema-file", folder["s.json"]] })
        {
            Assert.That(JsonDocument.Parse(await Text(options)).RootElement.GetProperty("n").GetInt32(), Is.InRange(0, 9));
        }

        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", "stories", "-p", Prompt, "--regex", "[0-9]{20}", "-n", "3")).Error, Does.Contain("shortest text").And.Contain("-n sets"));
        File.WriteAllText(folder["broken.gbnf"], "root ::= (");
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", "stories", "-p", Prompt, "--grammar-file", folder["broken.gbnf"])).Error, Does.Contain("1"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "generate", "stories", "-p", Prompt, "--regex", "a", "--grammar", "root ::= \"a\"")).Error, Does.Contain("one of --grammar"));
    }

    [Test]
    public async Task ThePromptCacheSavesThePromptAndChangesNothing()
    {
        using var folder = new TemporaryFolder();
        string[] Arguments(string prompt) => ["generate", "stories", "-p", prompt, "-n", "8", "--temp", "0", "--json"];
        var story = "Once upon a time there was a little dog. He liked to run and play in the park.";
        var first = (await CliRun.SucceedAsync([.. Arguments(story), "--prompt-cache", folder["cache"]])).Json;
        Assert.That(File.Exists(folder["cache"]), Is.True);
        var again = (await CliRun.SucceedAsync([.. Arguments(story), "--prompt-cache", folder["cache"], "--prompt-cache-ro"])).Json;
        Assert.That(again.GetProperty("text").GetString(), Is.EqualTo(first.GetProperty("text").GetString()));
        Assert.That(again.GetProperty("timings").GetProperty("prompt_n").GetInt32(), Is.EqualTo(1));

        var other = (await CliRun.SucceedAsync([.. Arguments(story + " One day"), "--prompt-cache", folder["cache"]])).Json;
        Assert.That(other.GetProperty("text").GetString(), Is.EqualTo((await CliRun.SucceedAsync(Arguments(story + " One day"))).Json.GetProperty("text").GetString()));
        Assert.That(other.GetProperty("timings").GetProperty("prompt_n").GetInt32(), Is.LessThan(first.GetProperty("timings").GetProperty("prompt_n").GetInt32()));

        File.WriteAllText(folder["broken"], "no session");
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, [.. Arguments(story), "--prompt-cache", folder["broken"]])).Error, Does.Contain("session"));

        // what cannot be written is said before anything is loaded or generated: the model is not there either
        foreach (var unwritable in new[] { folder.Path, Path.Combine(folder["absent"], "cache"), Path.Combine(folder["cache"], "cache") })
        {
            var refused = await CliRun.FailAsync(ExitCode.Failed, "generate", folder["absent.gguf"], "-p", "x", "--prompt-cache", unwritable);
            Assert.That(refused.Error, Does.Contain($"'{unwritable}' cannot be written"));
        }

        // and trying leaves nothing
        var before = Directory.GetFiles(folder.Path);
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", folder["absent.gguf"], "-p", "x", "--prompt-cache", folder["new"])).Error, Does.Contain("absent.gguf"));
        Assert.That(Directory.GetFiles(folder.Path), Is.EquivalentTo(before));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", folder["absent.gguf"], "-p", "x", "--prompt-cache", folder.Path, "--prompt-cache-ro")).Error, Does.Contain("absent.gguf"), "what is not written need not be writable");
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "logits", folder["absent.gguf"], "--ids", "1", "--output", folder.Path)).Error, Does.Contain("cannot be written"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "embed", folder["absent.gguf"], "--ids", "1", "--output", folder.Path)).Error, Does.Contain("cannot be written"));
    }

    [Test]
    public async Task GuessingLeavesTheTextAsItIs()
    {
        string[] arguments = ["generate", "stories", "-p", "Tom said, \"One two three four\". Ben said, \"One two", "-n", "24", "--temp", "0.7", "--seed", "5", "--json"];
        var plain = (await CliRun.SucceedAsync(arguments)).Json;
        var looked = (await CliRun.SucceedAsync([.. arguments, "--lookup"])).Json;
        var drafted = (await CliRun.SucceedAsync([.. arguments, "--draft-model", "stories", "--draft", "4"])).Json;
        Assert.That(looked.GetProperty("text").GetString(), Is.EqualTo(plain.GetProperty("text").GetString()));
        Assert.That(drafted.GetProperty("text").GetString(), Is.EqualTo(plain.GetProperty("text").GetString()));
        Assert.That(drafted.GetProperty("timings").GetProperty("draft_n").GetInt32(), Is.GreaterThan(drafted.GetProperty("timings").GetProperty("draft_n_accepted").GetInt32()).And.GreaterThan(4));
        Assert.That(drafted.GetProperty("timings").GetProperty("draft_n_accepted").GetInt32(), Is.GreaterThan(0));
        Assert.That(plain.GetProperty("timings").TryGetProperty("draft_n", out _), Is.False);

        using var folder = new TemporaryFolder();
        await CliRun.SucceedAsync("make-model", "tiny,blocks=1", folder["other.gguf"]);
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, [.. arguments, "-md", folder["other.gguf"]])).Error, Does.Contain("cannot guess for").And.Contain("choose a draft model of the same family"));
    }

    [TestCase("'--temp' needs N", "--temp", "warm")]
    [TestCase("'--logit-bias' needs ID±BIAS", "--logit-bias", "5")]
    [TestCase("RepetitionPenalty", "--repeat-penalty", "0")]
    [TestCase("not a sampler", "--samplers", "top_k;nonsense")]
    [TestCase("must be one of: 0, 1, 2", "--mirostat", "3")]
    [TestCase("--logit-bias", "--logit-bias", "100000+1")]
    [TestCase("one of --prompt", "--ids", "1")]
    [TestCase("'-t': it must be 1024 or less", "-t", "1025")]
    public async Task WrongOptionsAreWrongUsage(string message, params string[] options) =>
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, ["generate", "stories", "-p", Prompt, .. options])).Error, Does.Contain(message));

    [Test]
    public async Task AModelThatIsNotThereIsSaid()
    {
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", "/no/such.gguf", "-p", "x")).Error, Does.Contain("There is no model file at '/no/such.gguf'"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", Path.GetTempPath(), "-p", "x")).Error, Does.Contain("is a folder"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "generate", "", "-p", "x")).Error, Does.Contain("MODEL is empty"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "generate", "nobody/nothing:Q4_0", "-p", "x")).Error, Does.Contain("abi pull nobody/nothing:Q4_0"));
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(element => element.GetInt32())];

    /// <summary>Cancels after so many writes, as a user would who has read enough.</summary>
    private sealed class CancelOnWrite(CancellationTokenSource stop, int after) : MemoryStream
    {
        private int _writes;

        // spans come here, too
        public override void Write(byte[] buffer, int offset, int count)
        {
            base.Write(buffer, offset, count);
            if (++_writes == after)
            {
                stop.Cancel();
            }
        }
    }
}
