using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Formats;
using Abi.Compute.Memory;
using Abi.Compute.Tensors;
using Abi.Compute.Tests.Memory;

namespace Abi.Compute.Tests.Cpu.Products;

public sealed unsafe class PanelStoreTests
{
    private const int RowBytes = 2048 / 32 * 34;
    private const int Rows = 4096;

    [Test]
    public void APanelIsMadeByWhoeverWantsItForTheSecondTime()
    {
        using var buffer = new NativeBuffer(RowBytes * 128);
        var weight = new WeightTensor("w", TensorType.Q8_0, [2048, 128], buffer, 0);
        using var store = new PanelStore(weight, weight.Address, weight.ByteLength, 64 * RowBytes, 64 * RowBytes);
        Assert.That(store.Panels, Is.EqualTo(2));
        Assert.That(store.Claim(0), Is.EqualTo(PanelClaim.MakeAside));
        Assert.That(store.Claim(0), Is.EqualTo(PanelClaim.Make));
        store.Finish(0);
        Assert.That(store.Claim(0), Is.EqualTo(PanelClaim.Made));
        Assert.That(store.Claim(1, atOnce: true), Is.EqualTo(PanelClaim.Make), "the other panel is new still");
    }

    /// <summary>What is asked for ahead ends with the panels that are meant: what is behind them is another thread's.</summary>
    [Test]
    public void PanelsAreAskedForPieceByPiece([Values(1, 2)] int panels)
    {
        const int Piece = 4096, PanelBytes = 64 * RowBytes;
        Assume.That(Sse.IsSupported, "only x86 asks");
        using var buffer = new NativeBuffer(RowBytes * 256);
        var weight = new WeightTensor("w", TensorType.Q8_0, [2048, 256], buffer, 0);
        using var store = new PanelStore(weight, weight.Address, weight.ByteLength, PanelBytes, PanelBytes);
        var pieces = 1;
        while (store.Prefetch(1, panels, (pieces - 1) * Piece, Piece))
        {
            pieces++;
        }

        Assert.That(pieces, Is.EqualTo(((panels * PanelBytes) + Piece - 1) / Piece));
        Assert.That(store.Prefetch(1, panels, panels * PanelBytes, Piece), Is.False);
    }

    [Test]
    public void MappedPagesAreGivenBackWhilePanelsAreMade([Values] bool aside)
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("Pages are given back on Linux.");
        }

        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"panels-{Guid.NewGuid():n}");
        File.WriteAllBytes(path, new byte[RowBytes * Rows]);
        try
        {
            using var file = new MappedFile(path);
            var weight = new WeightTensor("w", TensorType.Q8_0, [2048, Rows], file, 0);
            using var store = new PanelStore(weight, weight.Address, weight.ByteLength, 64 * RowBytes, 64 * RowBytes);
            long sum = 0;
            foreach (var value in new ReadOnlySpan<byte>(weight.Address, RowBytes * Rows))
            {
                sum += value;
            }

            Assert.That(sum, Is.Zero);
            Assert.That(ResidentMemory.Bytes(path), Is.GreaterThan(weight.ByteLength * 9 / 10), "all was read");
            for (var panel = 0; panel < store.Panels; panel++)
            {
                Assert.That(store.Claim(panel, atOnce: !aside), Is.EqualTo(aside ? PanelClaim.MakeAside : PanelClaim.Make));
                if (aside)
                {
                    store.FinishAside(panel);
                }
                else
                {
                    store.Finish(panel);
                }

                if (panel == store.Panels / 2)
                {
                    Assert.That(ResidentMemory.Bytes(path), Is.LessThan(weight.ByteLength * 3 / 4), "half of them are packed");
                }
            }

            Assert.That(ResidentMemory.Bytes(path), Is.LessThan(weight.ByteLength / 20), "all are packed");
        }
        finally
        {
            File.Delete(path);
        }
    }
}
