using System.Runtime.Intrinsics;

namespace Abi.Compute.Cpu.Kernels;

/// <summary>A function of one number, sixteen at a time; a struct with its parameters, so that loops over it are compiled for it alone.</summary>
internal interface ILaneFunction
{
    /// <summary>The function of each lane.</summary>
    Vector512<float> Apply(Vector512<float> x);
}
