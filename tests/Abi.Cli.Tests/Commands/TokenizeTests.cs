using System.Text;
using System.Text.Json;
using Abi.Cli.CommandLine;
using Abi.Testing;

namespace Abi.Cli.Tests.Commands;

[Parallelizable]
public sealed class TokenizeTests
{
    private static readonly string[] Names = ["llama-spm", "phi-3", "gpt-2", "starcoder", "falcon", "deepseek-llm", "unigram-nfkc"];

    [TestCaseSource(nameof(Names))]
    public async Task JsonLinesHaveTheReferencesIds(string name)
    {
        using var folder = new TemporaryFolder();
        var cases = File.ReadLines(Fixtures.Path("tokenizers", $"{name}.cases.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        File.WriteAllLines(folder["in.jsonl"], cases.SelectMany(row => new[] { false, true }.Select(special => JsonSerializer.Serialize(new { text = row.GetProperty("text").GetString(), special }))));
        var run = await CliRun.SucceedAsync("tokenize", Fixtures.Path("tokenizers", $"{name}.gguf"), "--jsonl", folder["in.jsonl"]);
        Assert.That(run.Lines, Has.Length.EqualTo(2 * cases.Count));
        for (var i = 0; i < cases.Count; i++)
        {
            Assert.That(Ids(run.Lines[2 * i]), Is.EqualTo(Ints(cases[i].GetProperty("ids"))), cases[i].ToString());
            Assert.That(Ids(run.Lines[(2 * i) + 1]), Is.EqualTo(Ints(cases[i].GetProperty("ids_with_special"))), cases[i].ToString());
        }
    }

    [TestCaseSource(nameof(Names))]
    public async Task BytesThatAreNotUtf8AreTakenAsTheyAre(string name)
    {
        using var folder = new TemporaryFolder();
        var model = Fixtures.Path("tokenizers", $"{name}.gguf");
        var cases = File.ReadLines(Fixtures.Path("tokenizers", $"{name}.bytes.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        File.WriteAllLines(folder["in.jsonl"], cases.Select(row => $$"""{"special":false,"bytes_hex":"{{row.GetProperty("bytes_hex")}}"}"""));
        var run = await CliRun.SucceedAsync("tokenize", model, "--jsonl", folder["in.jsonl"]);
        Assert.That(run.Lines.Select(Ids), Is.EqualTo(cases.Select(row => Ints(row.GetProperty("ids")))));

        File.WriteAllBytes(folder["raw"], Convert.FromHexString(cases[1].GetProperty("bytes_hex").GetString()!));
        run = await CliRun.SucceedAsync("tokenize", model, "--file", folder["raw"], "--no-bos", "--no-parse-special", "--json");
        Assert.That(Ids(run.Output), Is.EqualTo(Ints(cases[1].GetProperty("ids"))));
    }

    [TestCaseSource(nameof(Names))]
    public async Task DetokenizeJoinsThePieces(string name)
    {
        using var folder = new TemporaryFolder();
        var model = Fixtures.Path("tokenizers", $"{name}.gguf");
        var cases = File.ReadLines(Fixtures.Path("tokenizers", $"{name}.cases.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        File.WriteAllLines(folder["in.jsonl"], cases.Select(row => $$"""{"ids":{{row.GetProperty("ids").GetRawText()}}}"""));
        var run = await CliRun.SucceedAsync("detokenize", model, "--jsonl", folder["in.jsonl"]);
        for (var i = 0; i < cases.Count; i++)
        {
            var expected = Expected(cases[i]);
            var got = JsonDocument.Parse(run.Lines[i]).RootElement;
            var bytes = got.TryGetProperty("text_hex", out var hex) ? Convert.FromHexString(hex.GetString()!) : Encoding.UTF8.GetBytes(got.GetProperty("text").GetString()!);
            Assert.That(bytes, Is.EqualTo(expected), cases[i].ToString());
        }

        var row = cases.First(row => row.GetProperty("ids").GetArrayLength() > 3);
        run = await CliRun.SucceedAsync("detokenize", model, "--ids", string.Join(',', Ints(row.GetProperty("ids"))));
        Assert.That(run.OutputBytes, Is.EqualTo(Expected(row).Append((byte)'\n')));
    }

    [Test]
    public async Task TextIsTokenizedAsForGenerating()
    {
        var run = await CliRun.SucceedAsync("tokenize", "stories", "--text", "Once upon a time");
        Assert.That(run.Output, Is.EqualTo("1,425,434,261,398\n"));
        Assert.That((await CliRun.SucceedAsync("tokenize", "-m", "stories", "-p", "Once upon a time", "--no-bos", "--json")).Output, Is.EqualTo("{\"ids\":[425,434,261,398]}\n"));
        Assert.That((await CliRun.SucceedAsync("tokenize", "stories", "--text", "</s>")).Output, Is.EqualTo("1,2\n"));
        Assert.That((await CliRun.SucceedAsync("tokenize", "stories", "--text", "</s>", "--no-parse-special")).Lines[0].Split(','), Has.Length.GreaterThan(2));
        Assert.That((await CliRun.SucceedAsync("tokenize", "stories", "--text", "Once upon a time", "--count")).Output, Is.EqualTo("5\n"));
        Assert.That((await CliRun.SucceedAsync("tokenize", "stories", "--text", "a\nb", "--no-bos", "--pieces")).Output, Does.Contain("\"\\n\"").Or.Contain("\\n"));
    }

    [Test]
    public async Task StdinIsReadWhereTheFileIsADash()
    {
        var run = await CliRun.RunAsync("Once upon a time"u8.ToArray(), default, "tokenize", "stories", "--file", "-");
        Assert.That((run.Code, run.Output), Is.EqualTo((0, "1,425,434,261,398\n")));
        run = await CliRun.RunAsync("{\"text\":\"Once upon\",\"special\":false}\n\n{\"text\":\"Once\"}\n"u8.ToArray(), default, "tokenize", "stories", "--jsonl", "-");
        Assert.That(run.Lines, Is.EqualTo(new[] { "{\"ids\":[425,434]}", "{\"ids\":[1,425]}" }));
    }

    [Test]
    public async Task DetokenizeTreatsSpecialTokensAsAsked()
    {
        Assert.That((await CliRun.SucceedAsync("detokenize", "stories", "--ids", "1,425,434", "--json")).Output, Is.EqualTo("{\"text\":\"<s> Once upon\"}\n"));
        Assert.That((await CliRun.SucceedAsync("detokenize", "stories", "--ids", "[1, 425, 434]", "--skip-special")).Output, Is.EqualTo(" Once upon\n"));
        Assert.That((await CliRun.SucceedAsync("detokenize", "stories", "--ids", "425 434", "--strip-space")).Output, Is.EqualTo("Once upon\n"));
        Assert.That((await CliRun.SucceedAsync("detokenize", "stories", "--ids", "258")).OutputBytes, Is.EqualTo(new byte[] { 0xff, (byte)'\n' }), "bytes as they are");
        Assert.That((await CliRun.SucceedAsync("detokenize", "stories", "--ids", "258", "--json")).Json.GetProperty("text_hex").GetString(), Is.EqualTo("ff"));
    }

    [Test]
    public async Task WhatIsWrongIsSaid()
    {
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "tokenize", "stories")).Error, Does.Contain("one of --text, --file and --jsonl"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "tokenize", "stories", "--text", "a", "--file", "b")).Error, Does.Contain("one of"));
        Assert.That((await CliRun.FailAsync(ExitCode.Failed, "tokenize", "stories", "--file", "/no/such/file")).Error, Does.Contain("There is no file '/no/such/file'"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "detokenize", "stories", "--ids", "1,99999")).Error, Does.Contain("99999"));
        Assert.That((await CliRun.FailAsync(ExitCode.Usage, "detokenize", "stories", "--ids", "1,x")).Error, Does.Contain("'1,x'"));
        var run = await CliRun.RunAsync("{\"text\":\"a\"}\nnot json\n"u8.ToArray(), default, "tokenize", "stories", "--jsonl", "-");
        Assert.That((run.Code, run.Error), Is.EqualTo((1, run.Error)));
        Assert.That(run.Error, Does.Contain("Line 2"));
        run = await CliRun.RunAsync("{\"ids\":[1,-5]}"u8.ToArray(), default, "detokenize", "stories", "--jsonl", "-");
        Assert.That(run.Code, Is.EqualTo(1));
        Assert.That(run.Error, Does.Contain("Line 1"));
    }

    private static byte[] Expected(JsonElement row) => row.TryGetProperty("pieces_joined_hex", out var hex) || (!row.TryGetProperty("pieces_joined", out _) && row.TryGetProperty("decoded_hex", out hex))
        ? Convert.FromHexString(hex.GetString()!)
        : Encoding.UTF8.GetBytes((row.TryGetProperty("pieces_joined", out var pieces) ? pieces : row.GetProperty("decoded")).GetString()!);

    private static int[] Ids(string json) => Ints(JsonDocument.Parse(json).RootElement.GetProperty("ids"));

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(element => element.GetInt32())];
}
