using System.Collections.Concurrent;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Cpu.Threading;

namespace Abi.Compute.Tests.Cpu.Threading;

/// <summary>Who does which range: once each, near the own share, and soon enough where participants are uneven or stalled. Time is simulated, so no test depends on the machine.</summary>
public sealed class RangeSharesTests
{
    /// <summary>Outputs, columns and parts of real stages: gate and up, query with keys and values, attention output, down, logits.</summary>
    private static readonly object[] Stages =
    [
        new object[] { "1.1B gate and up", 5632, 2048, 2 },
        new object[] { "1.1B query, key, value", 2560, 2048, 1 },
        new object[] { "1.1B logits", 32000, 2048, 1 },
        new object[] { "8B gate and up", 14336, 4096, 2 },
        new object[] { "8B down", 4096, 14336, 1 },
        new object[] { "8B logits", 128256, 4096, 1 },
        new object[] { "70B gate and up", 28672, 8192, 2 },
        new object[] { "70B down", 8192, 28672, 1 },
    ];

    [TestCase(1, 1)]
    [TestCase(2, 1)]
    [TestCase(40, 64)]
    [TestCase(500, 3)]
    public void EveryRangeBelongsToOneShareAndIsClaimedOnce(int count, int workers)
    {
        var random = new Random(count);
        var shares = new RangeShares([.. Enumerable.Range(0, count).Select(_ => (long)random.Next(1, 50))], workers);
        Assert.That(Enumerable.Range(0, workers).SelectMany(worker => Enumerable.Range(shares[worker].First, shares[worker].End - shares[worker].First)), Is.EqualTo(Enumerable.Range(0, count)));
        for (var round = 0; round < 3; round++)
        {
            shares.Begin();
            var claimed = Enumerable.Range(0, count).Select(_ => shares.Claim(random.Next(workers))).Order().ToArray();
            Assert.That(claimed, Is.EqualTo(Enumerable.Range(0, count)));
        }
    }

    /// <summary>Half of 64 at half speed: as soon as any claims can be, but for one range at the slow ones; and within 1.25 of what no claims could beat where each has seven ranges or more.</summary>
    [TestCaseSource(nameof(Stages))]
    public void UnevenParticipantsEndSoon(string name, int outputs, int columns, int parts)
    {
        foreach (var workers in new[] { 2, 16, 64 })
        {
            double[] speeds = [.. Enumerable.Range(0, workers).Select(worker => worker % 2 == 0 ? 1 : 0.5)];
            var costs = Costs(outputs, columns, parts, workers);
            var (makespan, _) = Simulate(new RangeShares(costs, workers), costs, speeds);
            var ideal = costs.Sum() / speeds.Sum();
            TestContext.Out.WriteLine($"{name}, {workers} participants, {costs.Length} ranges: {makespan / ideal:f3} of the ideal");
            Assert.That(makespan, Is.LessThanOrEqualTo(ideal + (costs.Max() / speeds.Min())));
            if (costs.Length >= 7 * workers)
            {
                Assert.That(makespan, Is.LessThanOrEqualTo(1.25 * ideal));
            }
        }
    }

    /// <summary>One of 64 that crawls keeps the others only from the range that it is at: they have done all the rest by the time that 63 need for it, and one range.</summary>
    [TestCaseSource(nameof(Stages))]
    public void AStalledParticipantHoldsBackOneRange(string name, int outputs, int columns, int parts)
    {
        foreach (var workers in new[] { 2, 16, 64 })
        {
            double[] speeds = [.. Enumerable.Range(0, workers).Select(worker => worker == workers / 2 ? 1e-9 : 1)];
            var costs = Costs(outputs, columns, parts, workers);
            var (_, ends) = Simulate(new RangeShares(costs, workers), costs, speeds);
            var late = ends.Where(end => end > 1e9).ToArray();
            Assert.That(late, Has.Length.LessThanOrEqualTo(1), name);
            Assert.That(ends.Except(late).Max(), Is.LessThanOrEqualTo((costs.Sum() / (workers - 1.0)) + costs.Max()), name);
        }
    }

    /// <summary>
    /// Where all are as fast as each other to two percent, weights stay with who has them from token to token: what has been touched first on a node is read there. Only the last ranges move, a
    /// smaller part the more there are. With fewer ranges than participants, those have them who come first.
    /// </summary>
    [TestCaseSource(nameof(Stages))]
    public void EvenParticipantsKeepTheirRanges(string name, int outputs, int columns, int parts)
    {
        var workers = Math.Min(64, Costs(outputs, columns, parts, 64).Length);
        var random = new Random(1);
        var costs = Costs(outputs, columns, parts, workers);
        var shares = new RangeShares(costs, workers);
        var (own, all) = (0, 0);
        for (var token = 0; token < 20; token++)
        {
            double[] speeds = [.. Enumerable.Range(0, workers).Select(_ => 1 + (0.02 * random.NextDouble()))];
            var owners = new int[costs.Length];
            Simulate(shares, costs, speeds, owners);
            own += owners.Where((worker, range) => range >= shares[worker].First && range < shares[worker].End).Count();
            all += costs.Length;
        }

        TestContext.Out.WriteLine($"{name}: {100.0 * own / all:f1} % of {costs.Length} ranges done by their own");
        Assert.That((double)own / all, Is.GreaterThanOrEqualTo(costs.Length >= 3 * workers ? 0.9 : 0.75));
    }

    /// <summary>Threads that are held in the range that they are at, the caller or others: the one that is not does all the rest meanwhile.</summary>
    [Test]
    [CancelAfter(60_000)]
    public void WhoIsStalledKeepsNobodyFromTheRest([Values(0, 3)] int free, CancellationToken cancellationToken)
    {
        const int workers = 4;
        using var team = new WorkerTeam(workers);
        using var work = new Stalling(new RangeShares([.. Enumerable.Repeat(1L, 100)], workers), workers, free, cancellationToken);
        using var lease = team.Lease();
        lease.Run(work, 100);
        Assert.That(work.Done.Order(), Is.EqualTo(Enumerable.Range(0, 100)));
        Assert.That(work.DoneByTheFree, Is.EqualTo(100 - (workers - 1)));
    }

    private static long[] Costs(int outputs, int columns, int parts, int workers)
    {
        var rowBytes = (long)columns * parts;
        var count = ProductStage.RangeOutputs(outputs * rowBytes, rowBytes, 64, outputs, workers);
        return [.. Enumerable.Range(0, (outputs + count - 1) / count).Select(i => Math.Min(count, outputs - (i * count)) * rowBytes)];
    }

    /// <summary>Lets whoever is free first claim, until all is claimed; every range then ends when its cost has passed at its worker's speed.</summary>
    private static (double Makespan, double[] Ends) Simulate(RangeShares shares, long[] costs, double[] speeds, int[]? owners = null)
    {
        shares.Begin();
        var free = new PriorityQueue<int, (double Time, int Worker)>();
        for (var worker = 0; worker < speeds.Length; worker++)
        {
            free.Enqueue(worker, (0, worker));
        }

        var ends = new double[costs.Length];
        for (var i = 0; i < costs.Length; i++)
        {
            free.TryDequeue(out var worker, out var at);
            var range = shares.Claim(worker);
            ends[range] = at.Time + (costs[range] / speeds[worker]);
            free.Enqueue(worker, (ends[range], worker));
            if (owners is not null)
            {
                owners[range] = worker;
            }
        }

        return (ends.Max(), ends);
    }

    /// <summary>Holds all but one in their first range, until nothing is left but those.</summary>
    private sealed class Stalling : ITeamWork, IDisposable
    {
        private readonly RangeShares _shares;
        private readonly int _free;
        private readonly CancellationToken _cancellationToken;
        private readonly CountdownEvent _stalled;
        private readonly ManualResetEventSlim _rest = new();
        private int _byTheFree;

        public Stalling(RangeShares shares, int workers, int free, CancellationToken cancellationToken)
        {
            (_shares, _free, _cancellationToken) = (shares, free, cancellationToken);
            _stalled = new CountdownEvent(workers - 1);
            shares.Begin();
        }

        public ConcurrentQueue<int> Done { get; } = [];

        public int DoneByTheFree => _byTheFree;

        public void Execute(int chunk, int worker)
        {
            var range = _shares.Claim(worker);
            if (worker == _free)
            {
                _stalled.Wait(_cancellationToken); // the others are at a range each
                if (++_byTheFree == _shares.Count - _stalled.InitialCount)
                {
                    _rest.Set();
                }
            }
            else if (!_rest.IsSet)
            {
                _stalled.Signal();
                _rest.Wait(_cancellationToken);
            }

            Done.Enqueue(range);
        }

        public void Dispose()
        {
            _stalled.Dispose();
            _rest.Dispose();
        }
    }
}
