using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Plans;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Scans;

/// <summary>The gated delta rule; a unit is a head, values are lanes, keys are summed in order. State [heads, key size, value size].</summary>
internal sealed unsafe class DeltaScanUnits(Slot q, Slot k, Slot v, Slot logDecay, Slot beta, int heads, float queryScale, Slot result) : Scan
{
    private readonly int _keySize = q.Width / heads;
    private readonly int _valueSize = v.Width / heads;

    public override string Name => "DeltaScan";

    public override int Units => heads;

    public override int ScratchBytes => _keySize * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(StepSequence sequence, int first, int end, float* before, float* after, byte* scratch)
    {
        var decays = (float*)scratch; // [key size]
        CopyState(before, after, _keySize * _valueSize, first, end);
        for (var head = first; head < end; head++)
        {
            var state = after + ((long)head * _keySize * _valueSize);
            for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
            {
                if (logDecay.Width == heads)
                {
                    new Span<float>(decays, _keySize).Fill(Exponential.Exp(logDecay.Row(row)[head]));
                }
                else
                {
                    ElementKernels.Map(logDecay.Row(row) + (head * _keySize), decays, _keySize, default(ExpLanes));
                }

                var query = q.Row(row) + (head * _keySize);
                var key = k.Row(row) + (head * _keySize);
                var value = v.Row(row) + (head * _valueSize);
                var y = result.Row(row) + (head * _valueSize);
                var strength = Vector512.Create(beta.Row(row)[head]);
                for (var j = 0; j < _valueSize; j += Lanes.Count)
                {
                    var left = _valueSize - j;
                    var known = Vector512<float>.Zero;
                    for (var i = 0; i < _keySize; i++)
                    {
                        var cell = Lanes.Load(state + (i * _valueSize) + j, left) * Vector512.Create(decays[i]);
                        Lanes.Store(cell, state + (i * _valueSize) + j, left);
                        known = Lanes.Fma(Vector512.Create(key[i]), cell, known);
                    }

                    var change = (Lanes.Load(value + j, left) - known) * strength;
                    var sum = Vector512<float>.Zero;
                    for (var i = 0; i < _keySize; i++)
                    {
                        var cell = Lanes.Fma(Vector512.Create(key[i]), change, Lanes.Load(state + (i * _valueSize) + j, left));
                        Lanes.Store(cell, state + (i * _valueSize) + j, left);
                        sum = Lanes.Fma(Vector512.Create(query[i] * queryScale), cell, sum);
                    }

                    Lanes.Store(sum, y + j, left);
                }
            }
        }
    }
}
