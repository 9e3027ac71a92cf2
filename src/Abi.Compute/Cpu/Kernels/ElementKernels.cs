using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>Functions over runs of floats; <c>y</c> may be one of the inputs.</summary>
internal static unsafe class ElementKernels
{
    /// <summary><c>y[i] = f(x[i])</c> over [count].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<TFunction>(float* x, float* y, int count, TFunction function)
        where TFunction : struct, ILaneFunction
    {
        var i = 0;
        for (; i <= count - Lanes.Count; i += Lanes.Count)
        {
            function.Apply(Vector512.Load(x + i)).Store(y + i);
        }

        if (i < count)
        {
            Lanes.StorePart(function.Apply(Lanes.LoadPart(x + i, count - i)), y + i, count - i);
        }
    }

    /// <summary><c>y[i] = f(a[i], b[i])</c> over [count].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<TFunction>(float* a, float* b, float* y, int count, TFunction function)
        where TFunction : struct, ILaneFunction2
    {
        var i = 0;
        for (; i <= count - Lanes.Count; i += Lanes.Count)
        {
            function.Apply(Vector512.Load(a + i), Vector512.Load(b + i)).Store(y + i);
        }

        if (i < count)
        {
            Lanes.StorePart(function.Apply(Lanes.LoadPart(a + i, count - i), Lanes.LoadPart(b + i, count - i)), y + i, count - i);
        }
    }
}
