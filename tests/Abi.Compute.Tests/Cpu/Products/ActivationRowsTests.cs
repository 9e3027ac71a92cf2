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
    public void RoundingToBf16IsThePlainDevices([Values(1, 2, 7, 8, 33, 64)] int columns)
    {
        float[] special =
        [
            1 + (1f / 256), 1 + (3f / 256), -1 - (1f / 256), 1 + (1f / 256) + (1f / 65536), float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, 1e-42f, 0, -0f,
            ScalarProducts.NegligibleBf16, MathF.BitDecrement(ScalarProducts.NegligibleBf16), -ScalarProducts.NegligibleBf16 * (511f / 512), ScalarProducts.NegligibleBf16 / 2, 3.3895314e38f,
        ];
        var random = new Random(columns);
        var x = Enumerable.Range(0, columns).Select(i => random.Next(2) == 0 ? special[random.Next(special.Length)] : random.NextSingle() - 0.5f).ToArray();
        for (var turn = 0; turn < 50; turn++)
        {
            random.Shuffle(x);
            var expected = x.ToArray();
            ScalarProducts.RoundToBf16(expected);
            var pairs = Prepare<ushort>(ActivationForm.Bf16, x);
            var floats = Prepare<float>(ActivationForm.Bf16AsFloat32, x);
            for (var i = 0; i < columns + (columns % 2); i++)
            {
                var value = i < columns ? expected[i] : 0;
                Assert.That(BitConverter.UInt32BitsToSingle((uint)pairs[i] << 16), Is.EqualTo(value), $"column {i}");
                Assert.That(floats[i ^ 1], Is.EqualTo(value), $"column {i} as float32");
            }
        }
    }

    [Test]
    public void Bf16RoundsToNearestAndTiesToEven()
    {
        float[] x = [1 + (1f / 256), 1 + (3f / 256), 1 + (1f / 256) + (1f / 65536), float.MaxValue, ScalarProducts.NegligibleBf16, ScalarProducts.NegligibleBf16 / 2, float.NaN, -1.5f];
        ScalarProducts.RoundToBf16(x);
        Assert.That(x, Is.EqualTo(new[] { 1, 1 + (4f / 256), 1 + (2f / 256), float.PositiveInfinity, ScalarProducts.NegligibleBf16, 0, float.NaN, -1.5f }));
    }

    private static T[] Prepare<T>(ActivationForm form, float[] x)
        where T : unmanaged
    {
        using var buffer = new NativeBuffer(ActivationRows.ByteLength(form, x.Length));
        new Span<byte>((void*)buffer.Address, (int)buffer.Length).Fill(0xa5);
        fixed (float* values = x)
        {
            ActivationRows.Prepare(form, values, x.Length, (byte*)buffer.Address);
        }

        return new Span<T>((void*)buffer.Address, (int)buffer.Length / sizeof(T)).ToArray();
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
