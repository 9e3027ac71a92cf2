using System.Runtime.CompilerServices;
using Abi.Compute.Devices;
using Abi.Compute.Formats;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Levels of Q4_0: of keys, a pair of columns in the halves of bytes; of values, columns j and j + 16.</summary>
internal readonly unsafe struct Q4BlockLevels : IBlockLevels
{
    public static int PanelBytes => StateStore.PageLength * Q4_0.BlockBytes;

    public static int PairBytes => StateStore.PageLength;

    public static int RowBytes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector First<TLanes, TVector>(byte* pair)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.Low(pair);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Second<TLanes, TVector>(byte* pair)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.High(pair);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector LowColumns<TLanes, TVector>(byte* row)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.Low(row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector HighColumns<TLanes, TVector>(byte* row)
        where TLanes : struct, IBlockLanes<TVector> => TLanes.High(row);
}
