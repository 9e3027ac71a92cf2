using System.Collections.Concurrent;
using System.Globalization;

namespace Abi.Database.Tests.Engine;

/// <summary>
/// Reads and writes of single-key registers, with when each began and ended, and whether they are linearizable. Every write has a value of its own, so that the question has an answer in
/// linear time (Gibbons and Korach, Testing Shared Memories, 1997): the zone of a value reaches from the first end to the last beginning of the operations that wrote or read it, forward
/// when that first end comes before that last beginning. An order exists unless a read ends before its write begins, two forward zones overlap, or a zone the other way round lies inside a forward one.
/// </summary>
internal sealed class RegisterHistory
{
    private readonly ConcurrentQueue<Operation> _operations = [];

    public int Count => _operations.Count;

    /// <summary>Adds an operation. A write of which nobody knows the end, because its process was killed, ends at <see cref="long.MaxValue"/>.</summary>
    public void Add(bool isWrite, int key, long value, long begin, long end) => _operations.Enqueue(new Operation(isWrite, key, value, begin, end));

    /// <summary>What is impossible about the history; null when there is an order that explains it.</summary>
    public string? Contradiction()
    {
        foreach (var register in _operations.GroupBy(operation => operation.Key))
        {
            List<Zone> zones = [];
            foreach (var value in register.GroupBy(operation => operation.Value))
            {
                if (value.Count(operation => operation.IsWrite) != 1)
                {
                    return Say(register.Key, $"{value.Key} was read but written {value.Count(operation => operation.IsWrite)} times");
                }

                var write = value.Single(operation => operation.IsWrite);
                if (write.End == long.MaxValue && value.Count() == 1)
                {
                    continue; // never acknowledged, never seen: it need not have happened
                }

                if (value.Where(operation => !operation.IsWrite).FirstOrDefault(read => read.End < write.Begin) is { } early)
                {
                    return Say(register.Key, $"{value.Key} was read until {early.End}, but its write began at {write.Begin}");
                }

                zones.Add(new Zone(value.Key, value.Min(operation => operation.End), value.Max(operation => operation.Begin)));
            }

            var forward = zones.Where(zone => zone.FirstEnd < zone.LastBegin).OrderBy(zone => zone.FirstEnd).ToList();
            for (var i = 1; i < forward.Count; i++)
            {
                if (forward[i].FirstEnd < forward[i - 1].LastBegin)
                {
                    return Say(register.Key, $"{forward[i - 1]} and {forward[i]} were both the last");
                }
            }

            foreach (var zone in zones.Where(zone => zone.FirstEnd >= zone.LastBegin))
            {
                if (forward.Find(whole => whole.FirstEnd < zone.LastBegin && zone.FirstEnd < whole.LastBegin) is { } around)
                {
                    return Say(register.Key, $"{zone} was written while {around} stayed");
                }
            }
        }

        return null;
    }

    private static string Say(int key, string what) => string.Create(CultureInfo.InvariantCulture, $"register {key}: {what}");

    private sealed record Operation(bool IsWrite, int Key, long Value, long Begin, long End);

    private sealed record Zone(long Value, long FirstEnd, long LastBegin);
}
