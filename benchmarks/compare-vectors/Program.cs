using System.Globalization;
using Abi.CompareVectors;
using Abi.Database;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["durable", var place])
{
    DurableWrites.Run(place);
    return 0;
}

if (args is ["latency", var where])
{
    ReaderLatency.Run(where);
    return 0;
}

if (args is ["open", var home])
{
    OpenTimes.Run(home);
    return 0;
}

if (args is ["encryption", var room])
{
    EncryptionCost.Run(room);
    return 0;
}

if (args is ["text-merge", var shelf])
{
    TextMerge.Run(shelf);
    return 0;
}

if (args is ["postgres", var connection, var vectors, var folder])
{
    await Stores.RunAsync(connection, vectors, folder);
    return 0;
}

if (args is ["disk-build", var source, var made, var count, var kind, var constructionEffort, .. [] or ["encrypted"]])
{
    DiskSearch.Build(source, made, count, Enum.Parse<IndexKind>(kind), int.Parse(constructionEffort), isEncrypted: args[^1] == "encrypted");
    return 0;
}

if (args is ["disk-search", var built, "warm" or "cold", .. [] or [_]])
{
    DiskSearch.Search(built, isCold: args[2] == "cold", args is [_, _, _, var decryptedBytes] ? long.Parse(decryptedBytes) : 0);
    return 0;
}

if (args is ["page-reads", var pages])
{
    PageReads.Run(pages);
    return 0;
}

if (args is not [var what, var peerPath, var fixtures, var scratch, .. [] or ["memory"] or ["build"]])
{
    Console.Error.WriteLine("usage: Abi.CompareVectors words-cos|words-l2|words-cos-100k|words-l2-100k|synth PEER FIXTURES SCRATCH [memory|build] | durable SCRATCH | latency SCRATCH | open SCRATCH | encryption SCRATCH | text-merge SCRATCH | postgres CONNECTION FIXTURES SCRATCH | disk-build FIXTURES SCRATCH synth|ROWS KIND CONSTRUCTION [encrypted] | disk-search SCRATCH warm|cold [DECRYPTED_BYTES] | page-reads FILE");
    return 2;
}

Directory.CreateDirectory(scratch);
var set = what switch
{
    "words-cos" => VectorSet.Words(fixtures, isCosine: true),
    "words-l2" => VectorSet.Words(fixtures, isCosine: false),
    "words-cos-100k" => VectorSet.Words(fixtures, isCosine: true).Enlarge(100_000, isCosine: true),
    "words-l2-100k" => VectorSet.Words(fixtures, isCosine: false).Enlarge(100_000, isCosine: false),
    _ => VectorSet.Synthetic(fixtures),
};
var isEuclidean = what.StartsWith("words-l2", StringComparison.Ordinal);
var function = isEuclidean ? DistanceFunction.EuclideanSquaredDistance : DistanceFunction.CosineSimilarity;
int[] efforts = what switch
{
    "words-cos" or "words-cos-100k" => [32, 40, 48, 64, 96, 112, 128, 192, 256, 320],
    "words-l2" or "words-l2-100k" => [32, 48, 64, 96, 128, 192, 256, 400, 800],
    _ => [10, 12, 16, 24, 32, 48],
};
var isMemoryOnly = args is [_, _, _, _, "memory"];
var files = set.WriteFor(scratch);
using var peer = new Peer(peerPath);
peer.Ask($"load {files.Base} {files.Queries} {files.Truth} {(isEuclidean ? "l2" : "cos")}");
using var own = new Own(set, Path.Combine(scratch, "own"), function);
Console.WriteLine($"{set.Name}: {set.Rows} × {set.Dimensions}");
if (args is [_, _, _, _, "build"])
{
    var ratios = new[] { 2, 1 }.ToDictionary(threads => threads, _ => new List<double>());
    for (var round = 0; round < 3; round++)
    {
        foreach (var (threads, list) in ratios)
        {
            list.Add(Build(threads));
        }
    }

    Console.WriteLine(string.Join("; ", ratios.Select(pair => $"{pair.Key} thread(s): median of three {pair.Value.Order().ElementAt(1):f2}")));
    return 0;
}

foreach (var threads in isMemoryOnly ? [1] : new[] { 2, 1 })
{
    Build(threads);
}

double Build(int threads)
{
    var p = peer.Ask($"build 16 200 {threads}");
    var o = own.Build(threads);
    var (seconds, cpu) = (p.GetProperty("seconds").GetDouble(), p.GetProperty("cpu").GetDouble());
    Console.WriteLine($"build, {threads} thread(s): peer {seconds:f2} s wall, {cpu:f2} s CPU, {p.GetProperty("resident").GetInt64() / (double)set.Rows:f0} B/vector; own {o.Seconds:f2} s wall, {o.Cpu:f2} s CPU; rate by wall {seconds / o.Seconds:f2}, by CPU {cpu / o.Cpu:f2}");
    return seconds / o.Seconds;
}

own.Reopen(); // the first time brings code in, too
var (close, open, resident, isPrivate) = own.Reopen();
Console.WriteLine($"own: closed in {close:f2} s, opened with a first search in {open:f2} s, {resident:f0} B/vector resident, {isPrivate:f0} of it private");
if (isMemoryOnly)
{
    Console.WriteLine($"own, opened again: {string.Join(", ", Enumerable.Range(0, 5).Select(_ => own.Reopen()).Select(one => $"{one.Resident:f0}"))} B/vector resident");
    return 0;
}

Dictionary<int, List<(double Peer, double Own)>> rates = efforts.ToDictionary(effort => effort, _ => new List<(double, double)>());
var recalls = new Dictionary<int, (double Peer, double Own)>();
List<double> scans = [];
for (var round = 0; round < 3; round++)
{
    foreach (var effort in efforts)
    {
        var p = peer.Ask($"search {effort} 3");
        var o = own.Search(effort, 3);
        rates[effort].Add((p.GetProperty("qps").GetDouble(), o.Rate));
        recalls[effort] = (p.GetProperty("recall").GetDouble(), o.Recall);
    }

    var scan = peer.Ask($"scan 2").GetProperty("qps").GetDouble();
    scans.Add(own.Scan(2) / scan);
    Console.WriteLine($"round {round + 1}: scan peer {scan:f0}/s, ratio {scans[^1]:f2}");
}

foreach (var effort in efforts)
{
    Console.WriteLine($"ef {effort,4}: recall {recalls[effort].Peer:f4} {recalls[effort].Own:f4}; queries/s peer {rates[effort].Max(r => r.Peer):f0}, own {rates[effort].Max(r => r.Own):f0}; ratio, median of three {rates[effort].Select(r => r.Own / r.Peer).Order().ElementAt(1):f2}");
}

foreach (var target in isEuclidean ? [0.95, recalls[800].Peer] : new[] { 0.95, 0.99 })
{
    var p = efforts.FirstOrDefault(effort => recalls[effort].Peer >= target - 1e-9);
    var o = efforts.FirstOrDefault(effort => recalls[effort].Own >= target - 1e-9);
    if (p > 0 && o > 0)
    {
        var ratio = rates[p].Zip(rates[o], (a, b) => b.Own / a.Peer).Order().ElementAt(1);
        Console.WriteLine($"recall {target:f4}: peer at ef {p}, own at ef {o}: ratio {ratio:f2}");
    }
    else
    {
        Console.WriteLine($"recall {target:f4}: peer {(p > 0 ? $"at ef {p}" : "not reached")}, own {(o > 0 ? $"at ef {o}" : "not reached")}");
    }
}

using var codes = new Own(set, Path.Combine(scratch, "codes"), function, isQuantized: true);
codes.Build(1);
codes.Reopen();
var (_, codesOpen, codesResident, codesPrivate) = codes.Reopen();
Console.WriteLine($"int8 with exact ranking: opened in {codesOpen:f2} s, {codesResident:f0} B/vector resident after one round of searches, {codesPrivate:f0} of it private");
foreach (var effort in efforts.Where(effort => effort is 16 or 24 or 64 or 128 or 256))
{
    var o = codes.Search(effort, 3);
    Console.WriteLine($"int8, ef {effort,4}: recall {o.Recall:f4} ({o.Recall / recalls[effort].Own:f4} of the unquantised), {o.Rate:f0} queries/s");
}

using var inverted = new Own(set, Path.Combine(scratch, "inverted"), function, indexKind: IndexKind.IvfPq);
var invertedBuild = inverted.Build(1);
inverted.Reopen();
var (_, _, _, invertedPrivate) = inverted.Reopen();
Console.WriteLine($"inverted file: built in {invertedBuild.Cpu:f2} s CPU, {invertedPrivate:f0} B/vector private");
foreach (var effort in efforts.Where(effort => effort is 16 or 48 or 64 or 128 or 256))
{
    var o = inverted.Search(effort, 3);
    Console.WriteLine($"inverted file, effort {effort,4}: recall {o.Recall:f4}, {o.Rate:f0} queries/s");
}

return 0;
