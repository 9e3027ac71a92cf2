using System.Runtime.CompilerServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Formats;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>The scales and minimums of a panel (<see cref="PackedPanel{TFormat}"/>) made float32 in one width of registers: of a group of 16 outputs, as many at once as a register has lanes.</summary>
/// <typeparam name="TFormat">The format of the panel.</typeparam>
/// <typeparam name="TIntegers">A register of integers.</typeparam>
/// <typeparam name="TLanes">How is computed with registers.</typeparam>
/// <typeparam name="TFloats">A register of floats.</typeparam>
internal static unsafe class PackedScales<TFormat, TIntegers, TLanes, TFloats>
    where TFormat : struct, ILevelFormat
    where TLanes : struct, ILanes<TFloats>, IIntegerLanes<TIntegers, TFloats>
{
    /// <summary>Unpacks those of some blocks of a stretch.</summary>
    /// <param name="units">The units of the group, where there are any: 16 halves for scales, 16 for minimums.</param>
    /// <param name="packed">The scales of the first block.</param>
    /// <param name="blocks">The blocks, at least 1.</param>
    /// <param name="scales">Where they go: [blocks][scales, then minimums][16 outputs], as far apart as said.</param>
    /// <param name="nextScale">The floats from a scale of a block to the next.</param>
    /// <param name="nextBlock">The bytes from the scales of a block to those of the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack(byte* units, byte* packed, int blocks, float* scales, nint nextScale, nint nextBlock)
    {
        for (var output = 0; output < Panel.GroupOutputs; output += TLanes.Count)
        {
            UnpackLanes((Half*)units + output, packed, output, blocks, scales + output, nextScale, nextBlock);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackLanes(Half* units, byte* packed, int output, int blocks, float* scales, nint nextScale, nint nextBlock)
    {
        var (unit, minimumUnit) = (TLanes.Create(0), TLanes.Create(0));
        if (TFormat.ScaleForm == ScaleForm.Super)
        {
            unit = TLanes.Multiply(TLanes.LoadHalves(units), TLanes.Create(TFormat.UnitFactor));
            minimumUnit = TFormat.HasMinimum ? TLanes.Multiply(TLanes.LoadHalves(units + Panel.GroupOutputs), TLanes.Create(-1)) : minimumUnit;
        }

        for (var block = 0; block < blocks; block++, scales = (float*)((byte*)scales + nextBlock))
        {
            for (var s = 0; PackedPanel<TFormat>.HasSharedByte && s < TFormat.Scales; s++, packed += Panel.GroupOutputs)
            {
                var (both, mask) = (TLanes.LoadSigned(packed + output), TLanes.CreateIntegers(15));
                TLanes.Store(TLanes.Multiply(unit, TLanes.ToFloats(TLanes.And(both, mask))), scales + (s * nextScale));
                TLanes.Store(TLanes.Multiply(minimumUnit, TLanes.ToFloats(TLanes.And(TLanes.Shift(both, -4), mask))), scales + ((TFormat.Scales + s) * nextScale));
            }

            for (var s = 0; !PackedPanel<TFormat>.HasSharedByte && s < PackedPanel<TFormat>.Factors; s++)
            {
                var to = scales + (s * nextScale);
                switch (TFormat.ScaleForm)
                {
                    case ScaleForm.Half:
                        TLanes.Store(TLanes.LoadHalves((Half*)packed + output), to);
                        packed += sizeof(ushort) * Panel.GroupOutputs;
                        break;
                    case ScaleForm.Super:
                        TLanes.Store(TLanes.Multiply(s >= TFormat.Scales ? minimumUnit : unit, TLanes.ToFloats(TLanes.LoadSigned(packed + output))), to);
                        packed += Panel.GroupOutputs;
                        break;
                    case ScaleForm.Power:
                        TLanes.StoreBytes(PowerBits(TLanes.LoadSigned(packed + output)), (byte*)to);
                        packed += Panel.GroupOutputs;
                        break;
                    default:
                        TLanes.Store(TLanes.Load((float*)packed + output), to);
                        packed += sizeof(float) * Panel.GroupOutputs;
                        break;
                }
            }
        }
    }

    /// <summary>The bits of 2^(e − 128) for a byte e, the half of what E8M0 says: of a normal float from e = 2 on, of one below the normal range for 0 and 1, whichever is greater.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TIntegers PowerBits(TIntegers signed)
    {
        var e = TLanes.And(signed, TLanes.CreateIntegers(255));
        var normal = TLanes.Shift(TLanes.Add(e, TLanes.CreateIntegers(-1)), 23);
        return TLanes.Max(normal, TLanes.Add(TLanes.CreateIntegers(1 << 21), TLanes.Shift(e, 21)));
    }
}
