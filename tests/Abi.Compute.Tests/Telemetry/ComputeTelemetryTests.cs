using System.Diagnostics.Metrics;
using System.Globalization;
using Abi.Compute.Cpu;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Tests.Cpu.Products;
using Abi.Testing;
using Microsoft.Extensions.Logging;

namespace Abi.Compute.Tests.Telemetry;

/// <summary>What an operator sees of the processor's device: threads, matrices, packed bytes, and which kernels compute. Each in a process of its own, because the instruments are the process's.</summary>
[Parallelizable]
public sealed class ComputeTelemetryTests
{
    [Test]
    public void ThreadsAreThoseOfTheTeamsThatLive() => Assert.That(Lines(PrintThreads), Is.EqualTo(new[] { "3", "8", "5", "5", "0" }));

    [Test]
    public void MatricesAndPackedBytesAreThoseThatAreThere()
    {
        var bytes = 4 * PackedPanelBytes(); // 200 rows are four panels of 64
        Assert.That(Lines(PrintMatrices), Is.EqualTo(new[] { "1 0", "1 0", $"1 {bytes}", "1 0", "0 0" }), "made, shared, used twice, mapped, freed");
    }

    [TestCase("", "1")]
    [TestCase("ABI_EMIT", "0")]
    [TestCase("DOTNET_EnableAVX512", "0")]
    [TestCase("DOTNET_EnableAVX512,DOTNET_EnableAVXVNNI", "0")]
    [TestCase("DOTNET_EnableAVX2", "0")]
    public void PathsAreThoseOfTheProcess(string variable, string value)
    {
        var variables = variable.Length == 0 ? null : variable.Split(',').ToDictionary(name => name, _ => value);
        var lines = ChildProcess.Run(PrintPaths, variables).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines[0], Is.EqualTo(lines[1]), "the path that is told is the one that computes");
        if (variable.Length > 0)
        {
            Assert.That(lines[0], Does.Not.Contain(variable == "ABI_EMIT" ? "emitted" : variable == "DOTNET_EnableAVX2" ? "avx" : variable.EndsWith("VNNI", StringComparison.Ordinal) ? "vnni" : "avx512"));
        }

        Assert.That(lines[2..], Has.Length.EqualTo(lines[0].Split("emitted").Length - 1).And.All.EndsWith(" used"), "a tile, and a few rows of packed panels");
    }

    [Test]
    public void LogsSayWhatComputesAndWarnOfCodeThatIsNotUsed()
    {
        var lines = Lines(PrintLogs);
        Assert.That(lines[0], Does.StartWith("Information 1000 The processor computes with 2 threads, vectors of "));
        Assert.That(lines[1], Does.Match("^Debug 1002 [0-9]+ operations are [0-9]+ stages on the processor, with 1 matrices of ProductKernels .*Q4_0"));
        Assert.That(lines[2], Does.StartWith("Warning 1001 Machine code for the kernel wrong_on_purpose of Q4_0 is not used (Wrong"));
        Assert.That(lines, Has.Length.EqualTo(5), "the second plan does not introduce the device again");
    }

    private static string[] Lines(Action print) => ChildProcess.Run(print, null).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static void PrintThreads()
    {
        var first = new CpuDevice(new CpuOptions { Threads = 3 });
        Console.WriteLine(Sum("abi.compute.threads"));
        var second = new CpuDevice(new CpuOptions { Threads = 5 });
        Console.WriteLine(Sum("abi.compute.threads"));
        first.Dispose();
        Console.WriteLine(Sum("abi.compute.threads"));
        first.Dispose();
        Console.WriteLine(Sum("abi.compute.threads"));
        second.Dispose();
        Console.WriteLine(Sum("abi.compute.threads"));
    }

    private static void PrintMatrices()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 }); // there are instruments from the first device on
        using var product = new ProductCase(TensorType.Q4_0, 256, 200, 2, seed: 1);
        var matrix = ProductMatrices.Create(product.Weight, 0, 200, ActivationPrecision.Int8, RepackMode.Lazy);
        Print();
        using (var same = ProductMatrices.Create(product.Weight, 0, 200, ActivationPrecision.Int8, RepackMode.Lazy))
        {
            Print();
            product.Multiply(same); // twice
            Print();
        }

        matrix.Dispose();
        matrix = ProductMatrices.Create(product.Weight, 0, 200, ActivationPrecision.Int8, RepackMode.Never);
        Print();
        matrix.Dispose();
        Print();

        static void Print() => Console.WriteLine($"{Sum("abi.compute.matrices")} {Sum("abi.compute.packed.memory")}");
    }

    private static void PrintPaths()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var product = new ProductCase(TensorType.Q4_0, 256, 64, 1, seed: 1);
        using var matrix = ProductMatrices.Create(product.Weight, 0, 64, ActivationPrecision.Int8, RepackMode.Lazy);
        var (_, tags) = Read("abi.compute.matrices").Single();
        Console.WriteLine($"{tags["abi.compute.format"]} {tags["abi.compute.activations"]} {tags["abi.compute.path"]} {tags["abi.compute.few_rows.path"]}");
        var tile = Int8Tile.Best<Q4_0Levels>();
        var few = PackedRows<Q4_0Levels>.Emitted is null ? tile.Path : Emitter.HasVnni512 ? "emitted_avx512" : Emitter.HasVnni256 ? "emitted_avx_vnni" : "emitted_avx2";
        Console.WriteLine($"Q4_0 int8 {tile.Path} {few}");
        foreach (var (value, made) in Read("abi.compute.emitted_kernels"))
        {
            Console.WriteLine($"{value} {made["abi.compute.kernel"]} {made["abi.compute.format"]} {made["abi.compute.path"]} {made["abi.compute.outcome"]}");
        }
    }

    private static void PrintLogs()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var product = new ProductCase(TensorType.Q4_0, 256, 64, 1, seed: 1);
        using var table = new ProductCase(TensorType.F32, 256, 8, 1, seed: 2);
        var builder = new GraphBuilder();
        builder.AddOutput(builder.MatMul(builder.Embed(table.Weight), product.Weight));
        var graph = builder.Build();
        Emitter.Keep<object>("wrong_on_purpose", TensorType.Q4_0, [0xC3], [0], static _ => new object(), static _ => false);
        for (var i = 0; i < 2; i++)
        {
            using var plan = device.Lower(graph, new LoweringOptions { MaximumRows = 8, Logger = new ConsoleLogger() });
        }
    }

    private static long PackedPanelBytes() => PackedPanel<Q4_0Levels>.Layout.PanelBytes(256 / ActivationBlock.Columns);

    private static long Sum(string instrument) => Read(instrument).Sum(static measured => measured.Value);

    private static List<(long Value, Dictionary<string, object?> Tags)> Read(string name)
    {
        List<(long Value, Dictionary<string, object?> Tags)> found = [];
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "Abi.Compute" && instrument.Name == name)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => found.Add((value, new(tags.ToArray()))));
        listener.Start();
        listener.RecordObservableInstruments();
        return found;
    }

    private sealed class ConsoleLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{logLevel} {eventId.Id} {formatter(state, exception)}"));
    }
}
