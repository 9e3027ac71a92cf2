using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>A function of two numbers, sixteen at a time.</summary>
internal interface ILaneFunction2
{
    /// <summary>The function of each pair of lanes.</summary>
    Vector512<float> Apply(Vector512<float> a, Vector512<float> b);
}
