using Abi.Cli.CommandLine;

namespace Abi.Cli.Tests.Commands;

public sealed class BenchTests
{
    [Test]
    public async Task EveryTestIsARowWithTheNamesOfLlamaBench()
    {
        var json = (await CliRun.SucceedAsync("bench", "stories", "-p", "8", "-n", "4", "-d", "0,40", "-npl", "1,2", "-r", "2", "-t", "1", "--no-warmup", "--json")).Json;
        var rows = json.EnumerateArray().ToList();
        Assert.That(
            rows.Select(row => (row.GetProperty("n_prompt").GetInt32(), row.GetProperty("n_gen").GetInt32(), row.GetProperty("n_depth").GetInt32(), row.GetProperty("n_parallel").GetInt32())),
            Is.EqualTo(new[] { (8, 0, 0, 1), (8, 0, 0, 2), (0, 4, 0, 1), (0, 4, 0, 2), (8, 0, 40, 1), (8, 0, 40, 2), (0, 4, 40, 1), (0, 4, 40, 2) }));
        foreach (var row in rows)
        {
            double[] samples = [.. row.GetProperty("samples_ts").EnumerateArray().Select(sample => sample.GetDouble())];
            Assert.That(samples, Has.Length.EqualTo(2).And.All.GreaterThan(0));
            Assert.That(row.GetProperty("avg_ts").GetDouble(), Is.EqualTo(samples.Average()).Within(1e-9).Percent);
            Assert.That(row.GetProperty("stddev_ts").GetDouble(), Is.EqualTo(Math.Abs(samples[0] - samples[1]) / Math.Sqrt(2)).Within(1e-6).Percent.Or.EqualTo(0).Within(1e-9));
            var tokens = (row.GetProperty("n_prompt").GetInt32() + row.GetProperty("n_gen").GetInt32()) * row.GetProperty("n_parallel").GetInt32();
            Assert.That(samples[0] * row.GetProperty("samples_ns")[0].GetInt64() / 1e9, Is.EqualTo(tokens).Within(1e-3).Percent);
            Assert.That(row.GetProperty("n_threads").GetInt32(), Is.EqualTo(1));
            Assert.That(row.GetProperty("model_n_params").GetInt64(), Is.EqualTo(5770496));
        }
    }

    [Test]
    public async Task TheTableLooksLikeLlamaBenchs()
    {
        var run = await CliRun.SucceedAsync("bench", "stories", "-p", "0", "-n", "2", "-pg", "4,2", "-r", "1", "--no-warmup", "-t", "1");
        Assert.That(run.Lines, Has.Length.EqualTo(4));
        Assert.That(run.Lines[0], Does.Match(@"^\| model +\| +size \| +params \| backend +\| threads \| +test \| +t/s \|$"));
        Assert.That(run.Lines[2], Does.Match(@"^\| llama 5\.77 M Q8_0 +\| +5\.86 MiB \| +5\.77 M \| \S+ +\| +1 \| +tg2 \| +\d+\.\d\d ± 0\.00 \|$"));
        Assert.That(run.Lines[3], Does.Contain("pp4+tg2"));
        Assert.That(run.Lines.Select(line => line.Length).Distinct().Count(), Is.EqualTo(1));
    }

    [TestCase("-d", "2147483647")]
    [TestCase("-pg", "2147483647,2147483647")]
    [TestCase("-npl", "2147483647")]
    public async Task MoreThanCanBeCountedIsWrongUsage(params string[] test) => Assert.That((await CliRun.FailAsync(ExitCode.Usage, ["bench", "stories", "-p", "1", "-n", "1", .. test])).Error, Does.Contain("are the most"));

    [Test]
    public async Task NothingToTestIsWrongUsage() => Assert.That((await CliRun.FailAsync(ExitCode.Usage, "bench", "stories", "-p", "0", "-n", "0")).Error, Does.Contain("nothing to test"));
}
