using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Compute.Scalar;

namespace Abi.Compute.Cpu.Plans;

/// <summary>What attention settings do to raw products: scale, cap, biases by distance; and which positions are visible.</summary>
internal sealed unsafe class AttentionScores(AttentionSettings settings)
{
    private readonly float[]? _slopes = settings.AlibiMaxBias > 0 ? ScalarAttention.AlibiSlopes(settings.Heads, settings.AlibiMaxBias) : null;
    private readonly float[]? _relative = settings.RelativeBias?.ToFloats(); // [buckets, heads]
    private readonly float[]? _sinks = settings.Sinks?.ToFloats();

    public AttentionSettings Settings => settings;

    /// <summary>Whether scores are the products times the scale and nothing else.</summary>
    public bool IsPlain => settings.Scale > 0 && settings.SoftCap <= 0 && _slopes is null && _relative is null;

    /// <summary>The first and last position that a token sees.</summary>
    public (int First, int Last) Visible(int position, int length) => ScalarAttention.Visible(settings, position, length);

    /// <summary>Whether the head has one more logit, without a value.</summary>
    public bool TryGetSink(int head, out float sink)
    {
        sink = _sinks is null ? 0 : _sinks[head];
        return _sinks is not null;
    }

    /// <summary>Changes the products of one query with the 32 keys from position <paramref name="first"/> on into scores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Adjust(float* scores, int head, int position, int first)
    {
        for (var half = 0; half < StateStore.PageLength; half += Lanes.Count)
        {
            var s = Vector512.Load(scores + half) * Vector512.Create(settings.Scale);
            if (settings.SoftCap > 0)
            {
                s = new SoftCapLanes(settings.SoftCap).Apply(s);
            }

            if (_slopes is not null)
            {
                var distance = Vector512.Abs(Vector512<int>.Indices + Vector512.Create(first + half - position));
                s += Vector512.Create(_slopes[head]) * -Vector512.ConvertToSingle(distance);
            }

            s.Store(scores + half);
        }

        if (_relative is null)
        {
            return;
        }

        var buckets = _relative.Length / settings.Heads;
        for (var i = 0; i < StateStore.PageLength; i++)
        {
            scores[i] += _relative[(ScalarAttention.RelativeBucket(first + i - position, buckets, settings.RelativeBidirectional) * settings.Heads) + head];
        }
    }
}
