using System.Globalization;
using Abi.Compare;

if (ComparisonOptions.Parse(args) is not { } options)
{
    await Console.Error.WriteLineAsync(ComparisonOptions.Usage);
    return 2;
}

Console.WriteLine($"{options.Rounds} rounds in turn, {options.Threads} threads; command: compare {string.Join(' ', args)}");
Console.WriteLine();
Console.WriteLine("| model | test | llama.cpp t/s | Abi t/s | ratio | read GB/s | Abi, of limit | llama.cpp MiB | Abi MiB |");
Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|");
foreach (var model in options.Models)
{
    foreach (var test in options.Tests)
    {
        var (peer, own, bandwidth) = (new List<BenchResult>(), new List<BenchResult>(), new List<double>());
        for (var round = 0; round < options.Rounds; round++)
        {
            peer.Add(BenchProcess.Run(options.Peer, options.PeerPath(model), test, options.Threads));
            bandwidth.Add(ReadBandwidth.Measure(model, options.Threads, TimeSpan.FromSeconds(options.BandwidthSeconds)));
            own.Add(BenchProcess.Run(options.Abi, model, test, options.Threads));
        }

        var (peerSpeed, ownSpeed, read) = (Median(peer.Select(r => r.TokensPerSecond)), Median(own.Select(r => r.TokensPerSecond)), Median(bandwidth));
        // A decoded token reads all weights once: the share of the limit is what that would take of the bandwidth just measured.
        var share = test.IsDecode ? (ownSpeed * new FileInfo(model).Length / 1e9 / read).ToString("P0", CultureInfo.InvariantCulture) : "";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {Path.GetFileNameWithoutExtension(model)} | {test} | {peerSpeed:F1} | {ownSpeed:F1} | {ownSpeed / peerSpeed:F2} | {read:F1} | {share} | {peer.Max(r => r.PeakMebibytes)} | {own.Max(r => r.PeakMebibytes)} |"));
    }
}

return 0;

static double Median(IEnumerable<double> values)
{
    double[] sorted = [.. values.Order()];
    return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
}
