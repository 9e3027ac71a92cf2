using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

namespace Abi.Compute.Tests.Cpu.Products;

/// <summary>Every tile that this machine can run equals the definition bit for bit, for every kind of panel.</summary>
public sealed class Int8TileTests
{
    [Test]
    public void TilesEqualTheDefinition()
    {
        Check<Q4_0Levels>();
        Check<Q8_0Levels>();
        Check<Q1_0Levels>();
        Check<Q4_1Levels>();
        Check<Q6_KLevels>();
        Check<Q2_KLevels>();
        Check<Q5_0Levels>();
        Check<Q5_1Levels>();
    }

    [Test]
    public void EmittedTilesAreUsedWhereTheyCanBe()
    {
        if (Emitter.Path is null || (Emitter.HasVnni256 && AvxVnni.IsSupported))
        {
            Assert.Ignore("This process makes no machine code for tiles.");
        }

        // what is there has equalled the definition, also with the greatest levels and activations
        Assert.That(Int8Tile.Best<Q4_0Levels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q6_KLevels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q4_KLevels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q5_1Levels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q5_0Levels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q8_0Levels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q2_KLevels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<Q1_0Levels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<IQ2_XSLevels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<IQ4_NLLevels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<MXFP4Levels>(), Is.InstanceOf<EmittedInt8Tile>());
        Assert.That(Int8Tile.Best<NVFP4Levels>(), Is.InstanceOf<EmittedInt8Tile>());
    }

    [Test]
    public void NoFormatHasLevelsAboveTheGreatest()
    {
        Check<Q1_0Levels>();
        Check<IQ1_SLevels>();
        Check<IQ2_XXSLevels>();
        Check<IQ2_SLevels>();
        Check<IQ3_SLevels>();
        Check<IQ3_XXSLevels>();
        Check<MXFP4Levels>();
        Check<NVFP4Levels>();

        static void Check<TFormat>()
            where TFormat : struct, ILevelFormat
        {
            var greatest = LevelPairs.Greatest(TFormat.CodeBits, TFormat.OffsetShift, hasTable: true);
            foreach (var level in TFormat.Table)
            {
                Assert.That(level + (1 << TFormat.OffsetShift), Is.InRange(0, greatest), $"{TFormat.Type}");
            }
        }
    }

    [Test]
    public void AsManyPairsAreAddedIn16BitsAsFit([Values(1, 15, 31, 32, 63, 127, 128)] int greatest)
    {
        var together = LevelPairs.Together(greatest);
        Assert.That(together * greatest * 2 * 127, Is.LessThanOrEqualTo(short.MaxValue));
        Assert.That(together == 8 || together * 2 * greatest * 2 * 127 > short.MaxValue, "twice as many do not fit");
    }

    [Test]
    public void PairsThatFitWithoutTheirOffsetDoSoWithTheGreatestAndTheLeastLevels([Values(15, 31, 32, 63, 127, 128)] int greatest, [Range(-1, 7)] int offsetShift, [Values(4, 8)] int pairs)
    {
        if (LevelPairs.FitCentred(greatest, offsetShift, pairs))
        {
            var offset = 1 << offsetShift;
            Assert.That(offset * 2 * 127 * pairs, Is.LessThanOrEqualTo(short.MaxValue), "levels of 0");
            Assert.That((greatest - offset) * 2 * 127 * pairs, Is.LessThanOrEqualTo(short.MaxValue), "the greatest levels");
            Assert.That(greatest * 2 * 127, Is.LessThanOrEqualTo(short.MaxValue), "one pair, which saturates");
        }

        // levels of 6 bits with a scale for 16 columns, and of 5 bits with a scale for 32
        Assert.That(LevelPairs.FitCentred(63, 5, 4));
        Assert.That(LevelPairs.FitCentred(31, 4, 8));
        Assert.That(LevelPairs.FitCentred(63, 5, 8), Is.False);
        Assert.That(LevelPairs.FitCentred(15, 3, 8), Is.False, "they fit as they are");
    }

    [Test]
    public void FewRowsMeetPackedPanelsInEmittedCodeWhereTheyCan()
    {
        if (Emitter.Path is null)
        {
            Assert.Ignore("This process makes no machine code for it.");
        }

        // one of every kind of codes and scales; what is there has equalled the definition
        Assert.That(PackedRows<Q4_0Levels>.Emitted, Is.Not.Null, "nibbles");
        Assert.That(PackedRows<Q5_1Levels>.Emitted, Is.Not.Null, "nibbles and bits, a minimum");
        Assert.That(PackedRows<Q6_KLevels>.Emitted, Is.Not.Null, "nibbles and pairs, two scales");
        Assert.That(PackedRows<Q4_KLevels>.Emitted, Is.Not.Null, "multiples of a unit");
        Assert.That(PackedRows<Q2_KLevels>.Emitted, Is.Not.Null, "two scales and minimums that share bytes");
        Assert.That(PackedRows<Q3_KLevels>.Emitted, Is.Not.Null, "pairs and bits");
        Assert.That(PackedRows<Q8_0Levels>.Emitted, Is.Not.Null, "bytes");
        Assert.That(PackedRows<Q1_0Levels>.Emitted, Is.Not.Null, "bits");
        Assert.That(PackedRows<IQ4_XSLevels>.Emitted, Is.Not.Null, "a table");
        Assert.That(PackedRows<IQ2_XXSLevels>.Emitted, Is.Not.Null, "a codebook");
        Assert.That(HalfWidening.Emitted, Is.Not.Null, "half precision");
        Assert.That(HalfRows.Emitted, Is.Not.Null, "weights of half precision");
        Assert.That(HalfAttention.Emitted, Emitter.HasVnni512 ? Is.Not.Null : Is.Null, "keys and values of half precision");
    }

    private static void Check<TFormat>()
        where TFormat : struct, ILevelFormat
    {
        Assert.That(EmittedInt8Tile.IsRight<TFormat>(new Int8Tile<TFormat, PortableDot, Vector128<int>, Lanes4, Vector128<float>>()), $"{TFormat.Type}, portable");
        if (AdvSimd.Arm64.IsSupported)
        {
            Assert.That(EmittedInt8Tile.IsRight<TFormat>(new Int8Tile<TFormat, ArmDot16, Vector128<int>, Lanes4, Vector128<float>>()), $"{TFormat.Type}, ARM");
        }

        if (Dp.IsSupported)
        {
            Assert.That(EmittedInt8Tile.IsRight<TFormat>(new Int8Tile<TFormat, ArmDot, Vector128<int>, Lanes4, Vector128<float>>()), $"{TFormat.Type}, ARM, dot");
            Assert.That(EmittedInt8Tile.IsRight<TFormat>(new ArmDotTile<TFormat>()), $"{TFormat.Type}, ARM, three rows");
        }

        if (Avx2.IsSupported)
        {
            Assert.That(EmittedInt8Tile.IsRight<TFormat>(new Int8Tile<TFormat, Avx2Dot, Vector256<int>, Lanes8, Vector256<float>>()), $"{TFormat.Type}, AVX2");
        }

        if (AvxVnni.IsSupported)
        {
            Assert.That(EmittedInt8Tile.IsRight<TFormat>(new Int8Tile<TFormat, AvxVnniDot, Vector256<int>, Lanes8, Vector256<float>>()), $"{TFormat.Type}, AVX-VNNI");
        }

        if (Avx512BW.IsSupported && Vector512.IsHardwareAccelerated)
        {
            Assert.That(EmittedInt8Tile.IsRight<TFormat>(new Int8Tile<TFormat, Avx512Dot, Vector512<int>, Lanes16, Vector512<float>>()), $"{TFormat.Type}, AVX-512");
        }

        foreach (var (narrow, vnni) in new[] { (false, false), (true, false), (true, true) })
        {
            if (EmittedFunction.CanRun(narrow, vnni))
            {
                Assert.That(EmittedInt8Tile.TryCreate<TFormat>(new Assembler(narrow, vnni)), Is.Not.Null, $"{TFormat.Type}, emitted {(narrow, vnni)}");
            }
        }
    }
}
