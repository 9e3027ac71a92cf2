using System.Runtime.CompilerServices;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Levels of Q8_0: signed bytes.</summary>
internal readonly unsafe struct Q8BlockLevels : IBlockLevels
{
    public static int PanelBytes => StateStore.PageLength * Q8_0.BlockBytes;

    public static int PairBytes => 2 * StateStore.PageLength;

    public static int RowBytes => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<TLanes, TVector>(byte* pair)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.Signed(pair);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<TLanes, TVector>(byte* pair)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.Signed(pair + StateStore.PageLength);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LowColumns<TLanes, TVector>(byte* row)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.Signed(row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector HighColumns<TLanes, TVector>(byte* row)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.Signed(row + 16);
}
