using System.Numerics;

namespace Abi.Compute.Distances;

/// <summary>Sums over two vectors by their definitions, element by element in double precision: what the kernels are tested against.</summary>
/// <typeparam name="T">The elements.</typeparam>
internal static unsafe class PlainSums<T>
    where T : unmanaged, INumberBase<T>
{
    /// <summary>Σ a·b.</summary>
    public static double Dot(byte* a, byte* b, int dimensions)
    {
        var sum = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            sum += double.CreateChecked(((T*)a)[i]) * double.CreateChecked(((T*)b)[i]);
        }

        return sum;
    }

    /// <summary>Σ (a − b)².</summary>
    public static double SquaredDifference(byte* a, byte* b, int dimensions)
    {
        var sum = 0.0;
        for (var i = 0; i < dimensions; i++)
        {
            var difference = double.CreateChecked(((T*)a)[i]) - double.CreateChecked(((T*)b)[i]);
            sum += difference * difference;
        }

        return sum;
    }

    /// <summary>1 − cos.</summary>
    public static double Cosine(byte* a, byte* b, int dimensions) => 1 - (Dot(a, b, dimensions) / Math.Sqrt(Dot(a, a, dimensions) * Dot(b, b, dimensions)));
}
