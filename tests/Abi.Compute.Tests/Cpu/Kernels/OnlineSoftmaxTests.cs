using Abi.Compute.Cpu.Kernels;

namespace Abi.Compute.Tests.Cpu.Kernels;

/// <summary>The weights of a span: to the bit what a plain loop gives.</summary>
public sealed unsafe class OnlineSoftmaxTests
{
    private const int Span = AttentionKernels.SpanLength;

    /// <summary>The greatest score at every place, so that none is overlooked.</summary>
    [Test]
    public void WeightsAreThoseOfAPlainLoop([Values(1, 16, 17, 32, 33, 48, Span)] int end, [Values(0, 15, 16, 20)] int from, [Values(1, 0.02f)] float scale)
    {
        Assume.That(from, Is.LessThan(end));
        var random = new Random(end);
        var plain = new float[Span];
        for (var i = 0; i < Span; i++)
        {
            plain[i] = random.NextSingle();
        }

        for (var place = from; place < end; place++)
        {
            var scores = plain.ToArray();
            scores[place] = 200;
            var expected = scores.ToArray();
            var expectedSum = Weigh(expected, from, end, scale, 200 * scale);
            float greatest, sum;
            fixed (float* of = scores)
            {
                OnlineSoftmax.Weigh(of, from, end, scale, out greatest, out sum);
            }

            Assert.That((greatest, sum), Is.EqualTo((200 * scale, expectedSum)), $"the greatest at {place}");
            Assert.That(scores.Select(BitConverter.SingleToInt32Bits), Is.EqualTo(expected.Select(BitConverter.SingleToInt32Bits)), $"the greatest at {place}");
        }
    }

    /// <summary>The definition: sixteen sums by position, then halves of them.</summary>
    private static float Weigh(float[] scores, int from, int end, float scale, float greatest)
    {
        var sums = new float[Lanes.Count];
        for (var i = from / Lanes.Count * Lanes.Count; i < (end + Lanes.Count - 1) / Lanes.Count * Lanes.Count; i++)
        {
            scores[i] = i >= from && i < end ? Exponential.Exp(MathF.FusedMultiplyAdd(scores[i], scale, -greatest)) : 0;
            sums[i % Lanes.Count] += scores[i];
        }

        for (var half = Lanes.Count / 2; half > 0; half /= 2)
        {
            for (var i = 0; i < half; i++)
            {
                sums[i] += sums[i + half];
            }
        }

        return sums[0];
    }
}
