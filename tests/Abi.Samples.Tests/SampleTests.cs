using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Abi.Samples.Tests;

/// <summary>Runs the samples as their readers do.</summary>
public sealed class SampleTests
{
    private static readonly string Root = Metadata("RepositoryRoot");

    /// <summary>What each sample must print, in this order.</summary>
    private static readonly Dictionary<string, string[]> Expected = new(StringComparer.Ordinal)
    {
        ["Chat"] = ["^> Once upon a time", @"^\[(stop|length): \d+ tokens in, \d+ of them known before, \d+ out\]", "^> The next day", @"^\[(stop|length): "],
        ["ComputeOnly"] = ["^Once upon a time.{60,}"],
        ["DependencyInjection"] = [@"^Llm: Healthy, stories\.gguf \(llama\) on \S+", "^The old bear .{30,}", "^A tiny bird .{30,}", "^Mia and her brother .{30,}", "^Stopped"],
        ["Embeddings"] = [@"^A cat jumped on the grass\. \(\d+ tokens, 256 components\)", @"^  0\.\d+ (The dog|A puppy)", @"^They ate cookies", @"^  0\.\d+ (Mom baked|Dad cooked)"],
        ["ParallelRequests"] =
        [
            @"^\d+ tokens: one by one \d+ a second, together \d+", "^the same texts: True", "^of 6: .{5,}", "^beam: .{5,}", "^urgent: (Length|StopToken), limited: TimeLimit, cancelled: True", "^of 200 at once, [1-9][0-9]* were refused",
        ],
        ["QuickStart"] = ["^Once upon a time.{100,}"],
        ["Quantize"] = [@"^Q8_0 +6\.24 MB  perplexity \d+\.\d+  \(43 Q8_0, 13 F32\)", @"^Q4_K_M +3\.74 MB", @"^Q2_K +2\.70 MB"],
        ["Rag"] = ["^7 passages of 4 tales", @"^The owl found the hat in a .*\[1\]", @"^  \[1\] The Yellow Hat, 0-218: Lily had", @"^Ben lost his boat.*\[1\]", @"^  \[1\] The Red Boat, \d+-\d+: ", @"^The frog saw the boat under the .{4,}", @"^  \[1\] The Red Boat"],
        ["Sampling"] = ["^greedy ", "^mirostat 2 ", "^nobody is called Lily ", "^a processor of one's own "],
        ["Sessions"] =
        [
            "^begun:    One day, a cat.{20,}", "^goes on:  Then it began to rain.{20,}", @"^ +\[\d+ tokens known, \d+ computed\]", "^fork:     The dog.{20,}", "^rewound:  The bird.{20,}", @"^saved:    \d+ KB", "^restored: .{20,}", "^the same as without a pause: True",
        ],
        ["StructuredOutput"] =
        [
            @"^object      Pet \{ Kind = (Cat|Dog|Bird), IsBig = (True|False), Legs = -?\d+ \}", @"^schema      \{\s*""mood"":\s*""(happy|sad|scared)"",\s*""age"":\s*[3-9],\s*""friends"":\s*\[\s*""[A-Z][a-z]+"",\s*""[A-Z][a-z]+""\s*\]\s*\}",
            "^expression  [1-9] o'clock in the (morning|evening)", "^choice      .* sad", "^choice      .* happy", "^refused     The shortest text of the grammar takes",
        ],
        ["Tools"] = [@"^\[the model calls pick_apples\(count: \d\)\]", @"^\[the function says: Tom picked \d red apples and put them in a basket\.\]", "^.{40,}"],
        ["Streaming"] = ["^-- pieces", @"^\[\w+, \d+ tokens, \d+ a second, seed 7\]", "^-- bytes", "^-- server-sent events", "^data: ", "^-- cancelled"],
        ["VectorSearch"] =
        [
            "^run 1: 4 notes at commit 2", "^run 2: 4 notes at commit 2", "^nearest to", @"^  0\.\d{3} (The dog|A puppy)", @"^  0\.\d{3} (The dog|A puppy)",
            "^nearest of those about food", @"^  0\.\d{3} (Mom baked|Dad cooked)", "^near, or with 'garden'", @"^  0\.\d{3} A puppy .* \(vector 0\.\d{3}, words [1-9]\.\d{3}\)",
        ],
    };

    private static IEnumerable<string> Names() => Directory.GetDirectories(Path.Combine(Root, "samples")).Select(folder => Path.GetFileName(folder)).Where(name => name is not ("bin" or "obj")).Order(StringComparer.Ordinal);

    [TestCaseSource(nameof(Names))]
    public async Task RunsAndPrintsWhatItShould(string name)
    {
        Assert.That(Expected, Does.ContainKey(name), $"say here what samples/{name} prints");
        var (output, errors, exit) = await RunAsync(name);
        await TestContext.Out.WriteLineAsync(output);
        Assert.That(exit, Is.Zero, errors);
        var from = 0;
        foreach (var pattern in Expected[name])
        {
            var found = new Regex(pattern, RegexOptions.Multiline, TimeSpan.FromSeconds(5)).Match(output, from);
            Assert.That(found.Success, Is.True, $"samples/{name} does not print '{pattern}' (in this order): {output}");
            from = found.Index + found.Length;
        }
    }

    [Test]
    public void TheTableListsEverySample() =>
        Assert.That(Regex.Matches(File.ReadAllText(Path.Combine(Root, "samples", "README.md")), @"^\| \[(\w+)\]\(\1/Program\.cs\)", RegexOptions.Multiline).Select(match => match.Groups[1].Value), Is.EquivalentTo(Names()));

    [Test]
    public async Task ASeedMakesAStoryRepeatable()
    {
        var first = await RunAsync("QuickStart", "The little dragon");
        var second = await RunAsync("QuickStart", "The little dragon");
        Assert.That(second.Output, Is.EqualTo(first.Output).And.StartWith("The little dragon"));
    }

    private static async Task<(string Output, string Errors, int Exit)> RunAsync(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
            Environment = { ["ABI_LLM_SAMPLING__SEED"] = "5" },
        };
        start.ArgumentList.Add(Path.Combine(Metadata("ArtifactsPath"), "bin", name, Metadata("Configuration").ToLower(CultureInfo.InvariantCulture), $"{name}.dll"));
        arguments.ToList().ForEach(start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return ((await output).ReplaceLineEndings("\n"), await errors, process.ExitCode);
    }

    private static string Metadata(string key) =>
        typeof(SampleTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
