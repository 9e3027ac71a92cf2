using Abi.Compute.Cpu.Products;
using Abi.Compute.Memory;
using Abi.Compute.Scalar;

namespace Abi.Compute.Tests.Cpu.Products;

public sealed unsafe class ActivationRowsTests
{
    [Test]
    public void RoundingIsThePlainDevices([Values(1, 31, 32, 33, 172, 512)] int columns, [Values(1f, 1e-20f, 1e20f)] float scale)
    {
        var random = new Random(columns);
        var x = new float[columns];
        for (var i = 0; i < columns; i++)
        {
            x[i] = (float)((random.NextDouble() * 2) - 1) * scale;
        }

        var expected = x.ToArray();
        ScalarProducts.RoundToInt8(expected, columns);
        var blocks = Round(x);
        for (var i = 0; i < blocks.Length * 32; i++)
        {
            var block = blocks[i / 32];
            Assert.That(block.Levels[i % 32] * block.Scale, Is.EqualTo(i < columns ? expected[i] : 0), $"column {i}");
        }

        foreach (var b in blocks)
        {
            var block = b;
            var (first, second) = (0, 0);
            for (var i = 0; i < 16; i++)
            {
                first += block.Levels[i];
                second += block.Levels[i + 16];
            }

            Assert.That((block.NegativeSum, block.Sum), Is.EqualTo((-first - second, (float)(first + second))));
            Assert.That((block.HalfNegativeSums[0], block.HalfNegativeSums[1], block.HalfSums[0], block.HalfSums[1]), Is.EqualTo((-first, -second, (float)first, (float)second)));
        }
    }

    [Test]
    public void HostileNumbersKeepTheirBlock()
    {
        var x = new float[128];
        (x[3], x[40], x[41], x[70]) = (float.NaN, float.NegativeInfinity, 1, 1e-42f);
        var blocks = Round(x);
        Assert.That(blocks[0].Scale, Is.NaN);
        Assert.That(blocks[1].Scale, Is.EqualTo(float.PositiveInfinity));
        Assert.That(blocks[2].Scale, Is.Zero);
        foreach (var block in blocks)
        {
            var copy = block;
            Assert.That(new ReadOnlySpan<sbyte>(copy.Levels, 32).ToArray(), Has.All.Zero);
        }
    }

    [Test]
    public void LongRowsDoNotShareTheSetsOfACache([Values(2048, 4096, 5632, 8192, 11008)] int columns)
    {
        var bytes = ActivationRows.ByteLength(ActivationForm.Int8, columns);
        // what a tile reads of each row at a time: 512 bytes, at 8 places of a page in turn
        Assert.That(Enumerable.Range(0, 8).Select(row => row * bytes % 4096 / 512).Distinct().Count(), Is.EqualTo(8));
        Assert.That(bytes, Is.InRange(columns * 2, (columns * 2) + 512));
    }

    private static ActivationBlock[] Round(float[] x)
    {
        var length = ActivationRows.ByteLength(ActivationForm.Int8, x.Length);
        using var buffer = new NativeBuffer(length);
        fixed (float* values = x)
        {
            ActivationRows.Prepare(ActivationForm.Int8, values, x.Length, (byte*)buffer.Address);
        }

        return new Span<ActivationBlock>((void*)buffer.Address, length / ActivationBlock.Bytes).ToArray();
    }
}
