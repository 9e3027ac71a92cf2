using System.Runtime.Intrinsics;
using Abi.Compute.Cpu.Kernels;
using Abi.Testing;

namespace Abi.Compute.Tests.Cpu.Kernels;

/// <summary>Vectors of half precision beside .NET's own conversions.</summary>
[Parallelizable]
public sealed class HalfLanesTests
{
    private const int All = 1 << 16;

    [Test]
    public void EveryHalfIsWidenedAsTheRuntimeDoes() => WidenAll();

    [TestCase("DOTNET_EnableAVX512")]
    [TestCase("DOTNET_EnableAVX2")]
    [TestCase("DOTNET_EnableHWIntrinsic")]
    public void EveryHalfIsWidenedInNarrowerRegisters(string variable) => ChildProcess.Run(WidenAll, new Dictionary<string, string> { [variable] = "0" });

    [Test]
    public unsafe void RoundingGivesBackWhatWasWidened()
    {
        var halves = stackalloc Half[16];
        for (var bits = 0; bits < All; bits += 16)
        {
            for (var i = 0; i < 16; i++)
            {
                halves[i] = BitConverter.UInt16BitsToHalf((ushort)(bits + i));
            }

            var back = HalfLanes.Round(HalfLanes.Load16(halves));
            for (var i = 0; i < 16; i++)
            {
                if (!Half.IsNaN(halves[i]))
                {
                    Assert.That(back[i], Is.EqualTo((ushort)(bits + i)));
                }
            }
        }
    }

    [Test]
    public unsafe void RoundingIsThatOfTheRuntime()
    {
        var random = new Random(2);
        var halves = stackalloc Half[16];
        for (var round = 0; round < 200_000; round++)
        {
            var x = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            x = round % 2 == 0 ? x : (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-30, 20)));
            HalfLanes.Store(Vector512.Create(x), halves);
            Assert.That(float.IsNaN(x) ? Half.IsNaN(halves[7]) : BitConverter.HalfToUInt16Bits(halves[7]) == BitConverter.HalfToUInt16Bits((Half)x), $"{x}");
        }

        foreach (var x in (float[])[65504, 65519.99f, 65520, -65520, 1e-8f, 5.9604645e-8f, 2.9802322e-8f, 2.9802326e-8f, 6.1035156e-5f, 6.1e-5f, 0, -0f, float.PositiveInfinity])
        {
            HalfLanes.Store(Vector512.Create(x), halves);
            Assert.That(BitConverter.HalfToUInt16Bits(halves[0]), Is.EqualTo(BitConverter.HalfToUInt16Bits((Half)x)), $"{x}");
        }
    }

    /// <summary>All halves in each way: 16, 8, 4, all together, which finds infinite ones, and the finite ones of either sign, which does not.</summary>
    private static unsafe void WidenAll()
    {
        const int finite = 0x7C00;
        var halves = Enumerable.Range(0, All).Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits)).ToArray();
        var widened = new float[All];
        fixed (Half* from = halves)
        fixed (float* to = widened)
        {
            for (var i = 0; i < All; i += 16)
            {
                HalfLanes.Load16(from + i).Store(to + i);
            }

            Check(halves, widened);
            for (var i = 0; i < All; i += 8)
            {
                HalfLanes.Load8(from + i).Store(to + i);
            }

            Check(halves, widened);
            for (var i = 0; i < All; i += 4)
            {
                HalfLanes.Load4(from + i).Store(to + i);
            }

            Check(halves, widened);
            HalfLanes.Widen(from, to, All);
            Check(halves, widened);
            widened.AsSpan().Clear();
            HalfLanes.Widen(from, to, finite);
            HalfLanes.Widen(from + (All / 2), to + (All / 2), finite);
            Check(halves.AsSpan(0, finite), widened);
            Check(halves.AsSpan(All / 2, finite), widened.AsSpan(All / 2));
        }
    }

    private static void Check(ReadOnlySpan<Half> halves, ReadOnlySpan<float> widened)
    {
        for (var i = 0; i < halves.Length; i++)
        {
            var (expected, found) = ((float)halves[i], widened[i]);
            if (float.IsNaN(expected) ? !float.IsNaN(found) : BitConverter.SingleToInt32Bits(found) != BitConverter.SingleToInt32Bits(expected))
            {
                throw new InvalidOperationException($"Half 0x{BitConverter.HalfToUInt16Bits(halves[i]):x4} is {expected:r}, but was widened to {found:r}.");
            }
        }
    }
}
