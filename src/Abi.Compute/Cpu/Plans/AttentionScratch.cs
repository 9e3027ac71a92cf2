using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.State;
using Abi.Compute.Devices;

namespace Abi.Compute.Cpu.Plans;

/// <summary>The scratch of a worker that attends to a tile of queries, cut up.</summary>
internal unsafe ref struct AttentionScratch
{
    /// <summary>Cuts memory up.</summary>
    /// <param name="memory">[<see cref="Bytes"/>], aligned to 64 bytes.</param>
    /// <param name="shape">The pages of the cache.</param>
    /// <param name="queries">The most queries.</param>
    public AttentionScratch(byte* memory, PageShape shape, int queries)
    {
        Queries = (float**)memory;
        First = (int*)(Queries + queries);
        Last = First + queries;
        Packed = (float*)Align(Last + queries);
        Scores = (float*)Align(Packed + (Eights(queries) * shape.KeySize));
        Page = Scores + (queries * AttentionKernels.SpanLength);
        Partial = Page + (Math.Max(shape.KeySize, shape.ValueStride) * StateStore.PageLength);
        Total = (float*)Align(Partial + (queries * (shape.ValueStride + 2)));
    }

    /// <summary>[queries] pointers to [key size].</summary>
    public float** Queries { get; }

    /// <summary>[queries]: the first position that each sees.</summary>
    public int* First { get; }

    /// <summary>[queries]: the last one.</summary>
    public int* Last { get; }

    /// <summary>[eights of queries, key size, 8].</summary>
    public float* Packed { get; }

    /// <summary>[queries, 256].</summary>
    public float* Scores { get; }

    /// <summary>[key size, 32] or [32, stride].</summary>
    public float* Page { get; }

    /// <summary>[queries × (stride + 2)].</summary>
    public float* Partial { get; set; }

    /// <summary>[queries × (stride + 2)].</summary>
    public float* Total { get; }

    /// <summary>What it takes for some queries, whatever the format of the cache.</summary>
    public static long Bytes(PageShape shape, int queries)
    {
        var stride = (shape.ValueSize + 31L) & ~31; // the format of the cache is not known yet: the widest
        return (queries * (sizeof(float*) + (2 * sizeof(int)))) + 256
            + (sizeof(float) * ((queries * (long)AttentionKernels.SpanLength) + (Eights(queries) * (long)shape.KeySize) + (Math.Max(shape.KeySize, stride) * StateStore.PageLength) + (2L * queries * (stride + 2))));
    }

    /// <summary>Rounded up to whole eights.</summary>
    private static int Eights(int queries) => (queries + AttentionKernels.Tile - 1) / AttentionKernels.Tile * AttentionKernels.Tile;

    private static byte* Align(void* pointer) => (byte*)(((nuint)pointer + 63) & ~(nuint)63);
}
