using System.Buffers;

namespace Abi.Database.Text;

/// <summary>The scores that records got from a query: [slots], 0 for those that it did not find.</summary>
internal sealed class TextScores : IDisposable
{
    private readonly double[] _scores;

    public TextScores(int slots)
    {
        _scores = ArrayPool<double>.Shared.Rent(Math.Max(slots, 1));
        Array.Clear(_scores, 0, slots);
    }

    /// <summary>The slots that were found, each once; some may have been taken out again.</summary>
    public List<int> Found { get; } = [];

    public double this[int slot] => _scores[slot];

    public void Add(int slot, double score)
    {
        if (_scores[slot] == 0)
        {
            Found.Add(slot);
        }

        // What is found has a score, however small.
        _scores[slot] = Math.Max(_scores[slot] + score, double.Epsilon);
    }

    public void Remove(int slot) => _scores[slot] = 0;

    /// <summary>The best, best first; equal scores by the lower slot.</summary>
    public List<(int Slot, double Score)> Best(int count)
    {
        var queue = new PriorityQueue<int, (double Score, int Order)>();
        foreach (var slot in Found)
        {
            if (_scores[slot] == 0)
            {
                continue;
            }

            queue.Enqueue(slot, (_scores[slot], -slot));
            if (queue.Count > count)
            {
                queue.Dequeue();
            }
        }

        List<(int, double)> best = [];
        while (queue.TryDequeue(out var slot, out var rank))
        {
            best.Add((slot, rank.Score));
        }

        best.Reverse();
        return best;
    }

    public void Dispose() => ArrayPool<double>.Shared.Return(_scores);
}
