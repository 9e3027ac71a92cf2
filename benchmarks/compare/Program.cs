using System.Diagnostics;
using System.Globalization;
using Abi.Compare;

if (ComparisonOptions.Parse(args) is not { } options)
{
    await Console.Error.WriteLineAsync(ComparisonOptions.Usage);
    return 2;
}

var log = new MeasurementLog(options.State);
var bandwidth = options.Models.ToDictionary(model => model, _ => new List<double>());
var own = Combinations().ToDictionary(pair => pair, _ => new List<BenchResult>());
var peers = Combinations().ToDictionary(pair => pair, _ => options.Peers.Select(_ => new List<BenchResult>()).ToArray());
var total = Stopwatch.StartNew();
var rounds = 0;
for (var longest = TimeSpan.Zero; rounds < options.Rounds && total.Elapsed <= options.TimeLimit - longest; rounds++)
{
    var start = total.Elapsed;
    foreach (var model in options.Models)
    {
        Measure(model, rounds);
    }

    longest = total.Elapsed - start > longest ? total.Elapsed - start : longest;
}

Console.WriteLine($"{rounds} {(rounds == 1 ? "round" : "rounds")} in turn in {total.Elapsed.TotalMinutes.ToString("F1", CultureInfo.InvariantCulture)} minutes, {options.Threads} threads, medians");
Console.WriteLine();
Console.WriteLine($"| model | test | {string.Join(" | ", options.Peers.Select(peer => $"{peer.Name} t/s"))} | Abi t/s | {string.Join(" | ", options.Peers.Select(peer => $"ratio to {peer.Name}"))} | read GB/s | Abi, of limit | {string.Join(" | ", options.Peers.Select(peer => $"{peer.Name} MiB"))} | Abi MiB |");
Console.WriteLine($"|---|---|{string.Concat(Enumerable.Repeat("---:|", (3 * options.Peers.Count) + 4))}");
foreach (var (model, test) in Combinations())
{
    var name = Path.GetFileNameWithoutExtension(model);
    var speed = Median(own[(model, test)].Select(result => result.TokensPerSecond));
    var peerSpeeds = peers[(model, test)].Select(results => Median(results.Select(result => result.TokensPerSecond))).ToArray();
    var read = Median(bandwidth[model]);
    // A decoded token reads these bytes once: the share of the limit is what that would take of the bandwidth just measured.
    var share = test.IsDecode ? Text(speed * TokenBytes.Of(model, test) / 1e9 / read, "P0") : "";
    Console.WriteLine($"| {name} | {test} | {Join(peerSpeeds, "F1")} | {Text(speed, "F1")} | {Join(peerSpeeds.Select(peer => speed / peer), "F2")} | {Text(read, "F1")} | {share} | {Join(peers[(model, test)].Select(Peak), "F0")} | {Text(Peak(own[(model, test)]), "F0")} |");
}

return 0;

IEnumerable<(string Model, BenchTest Test)> Combinations() => options.Models.SelectMany(model => options.Tests.Select(test => (model, test)));

void Measure(string model, int round)
{
    bandwidth[model].Add(log.Get($"{round} read {model}", () => new BenchResult(ReadBandwidth.Measure(model, options.Threads, TimeSpan.FromSeconds(options.BandwidthSeconds)), 0)).TokensPerSecond);
    foreach (var test in options.Tests)
    {
        foreach (var (peer, results) in options.Peers.Zip(peers[(model, test)]))
        {
            results.Add(log.Get($"{round} {test} {model} {peer.Command}", () => BenchProcess.Run(peer.Command, true, options.PeerPath(model), test, options.Threads)));
        }

        own[(model, test)].Add(log.Get($"{round} {test} {model} {options.Abi}", () => BenchProcess.Run(options.Abi, false, model, test, options.Threads)));
    }
}

static double Peak(IEnumerable<BenchResult> results) => results.Max(result => result.PeakMebibytes);

static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

static string Join(IEnumerable<double> values, string format) => string.Join(" | ", values.Select(value => Text(value, format)));

static double Median(IEnumerable<double> values)
{
    double[] sorted = [.. values.Order()];
    return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
}
