using System.Diagnostics.Metrics;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Emission;

namespace Abi.Compute.Telemetry;

/// <summary>The instruments of this assembly. All are read when somebody looks: computing knows nothing of them.</summary>
/// <remarks>Thread-safe.</remarks>
internal static class ComputeTelemetry
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Abi.Compute";

    private static long _threads;

    static ComputeTelemetry()
    {
        Meter.CreateObservableUpDownCounter("abi.compute.threads", () => Interlocked.Read(ref _threads), "{thread}", "Threads that compute, those of callers among them.");
        Meter.CreateObservableUpDownCounter("abi.compute.matrices", () => Matrices(static use => use.Matrices), "{matrix}", "Weight matrices that are ready for products, by the kernels that they take.");
        Meter.CreateObservableUpDownCounter("abi.compute.packed.memory", () => Matrices(static use => use.PackedBytes), "By", "Memory of weights in the layout that kernels read fastest.");
        Meter.CreateObservableUpDownCounter("abi.compute.emitted_kernels", EmittedKernels, "{kernel}", "Kernels that were written as machine code, by what became of them.");
    }

    public static Meter Meter { get; } = new(Name);

    /// <summary>Tells of a team's threads; negative when they end.</summary>
    public static void AddThreads(int count) => Interlocked.Add(ref _threads, count);

    private static List<Measurement<long>> Matrices(Func<ProductUse, long> value) => ProductMatrices.Uses().ConvertAll(use => new Measurement<long>(
        value(use),
        new("abi.compute.format", use.Kernels.Weights.ToString()),
        new("abi.compute.activations", use.Kernels.Activations switch { ActivationForm.Int8 => "int8", ActivationForm.Float32 => "float32", _ => "bf16" }),
        new("abi.compute.path", use.Kernels.Rows),
        new("abi.compute.few_rows.path", use.Kernels.FewRows)));

    private static IEnumerable<Measurement<long>> EmittedKernels() => Emitter.Outcomes.Select(static made => new Measurement<long>(
        1,
        new("abi.compute.kernel", made.Kernel),
        new("abi.compute.format", made.Format.ToString()),
        new("abi.compute.path", Emitter.Path),
        new("abi.compute.outcome", made.Outcome switch { EmissionOutcome.Used => "used", EmissionOutcome.Wrong => "wrong", _ => "forbidden" })));
}
