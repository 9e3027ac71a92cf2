using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;
using Abi.Compute.Tests.Memory;

namespace Abi.Compute.Tests.Cpu.Rows;

/// <summary>Tables that lie in a mapped file.</summary>
public sealed class EmbedRowTests
{
    private const int Columns = 256;
    private const int Entries = 40_000; // 11 MB
    private string _path = string.Empty;

    [OneTimeSetUp]
    public void MakeFile()
    {
        _path = Path.GetTempFileName();
        var bytes = new byte[Entries * (Columns / 32 * 34)];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = i % 34 == 1 ? (byte)0x2C : (byte)(i * 7919 >> 3); // scales of 1/16 and a little
        }

        File.WriteAllBytes(_path, bytes);
    }

    [OneTimeTearDown]
    public void RemoveFile() => File.Delete(_path);

    /// <summary>A prompt, and one after the other: each is its entry as it is decoded, and the table is not in memory.</summary>
    [Test]
    public void EntriesAreReadAndTheTableIsNotHeld()
    {
        using var file = new MappedFile(_path);
        var table = new WeightTensor("token_embd.weight", TensorType.Q8_0, [Columns, Entries], file, 0);
        var graph = new GraphBuilder();
        graph.AddOutput(graph.Embed(table));
        var built = graph.Build();
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var plan = device.Lower(built, new LoweringOptions());
        using var state = device.CreateState(built.State, new StateOptions { Pages = 1 });
        var random = new Random(1);
        int[] all = [0, Entries - 1, .. Enumerable.Range(0, 1000).Select(_ => random.Next(Entries))];
        List<float> found = [.. Run(all[..500])];
        foreach (var id in all[500..])
        {
            found.AddRange(Run([id]));
        }

        if (OperatingSystem.IsLinux())
        {
            Assert.That(ResidentMemory.Bytes(_path), Is.LessThan(1 << 20));
        }

        var expected = new float[Columns];
        for (var i = 0; i < all.Length; i++)
        {
            table.DecodeRow(all[i], expected);
            Assert.That(found.GetRange(i * Columns, Columns), Is.EqualTo(expected), $"entry {all[i]}");
        }

        float[] Run(int[] ids)
        {
            var step = new StepInputs();
            step.AddSequence();
            for (var i = 0; i < ids.Length; i++)
            {
                step.AddRow(ids[i], i, wantsOutput: true);
            }

            plan.Run(step, state);
            return plan.Read(built.Outputs[0]).ToArray();
        }
    }
}
