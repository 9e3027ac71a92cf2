using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Formats;
using Microsoft.Extensions.Logging;

namespace Abi.Compute.Telemetry;

/// <summary>The devices' log messages; event ids 1000 to 1049.</summary>
internal static partial class ComputeLog
{
    [LoggerMessage(1000, LogLevel.Information, "The processor computes with {Threads} threads, vectors of {VectorBits} bits and machine code of its own: {Emission}.")]
    public static partial void Started(ILogger logger, int threads, int vectorBits, string emission);

    [LoggerMessage(1001, LogLevel.Warning, "Machine code for the kernel {Kernel} of {Format} is not used ({Outcome}: the system forbids it, or it gave other bits than its definition); .NET's own takes its place with the same results, more slowly.")]
    public static partial void NotEmitted(ILogger logger, string kernel, TensorType format, EmissionOutcome outcome);

    [LoggerMessage(1002, LogLevel.Debug, "{Operations} operations are {Stages} stages on the processor, with {Matrices} matrices of {Kernels}.")]
    public static partial void Lowered(ILogger logger, int operations, int stages, int matrices, ProductKernels kernels);

    [LoggerMessage(1003, LogLevel.Warning, "This program was compiled ahead of time for processors without AVX2 and FMA, which this one has: kernels take many times as long. Set the property IlcInstructionSet to x86-64-v3 where it is published.")]
    public static partial void CompiledForLess(ILogger logger);
}
