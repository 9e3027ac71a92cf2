using System.Reflection;
using System.Runtime.InteropServices;
using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Bfloat16;
using Abi.Compute.Cpu.Products.Emission;
using Abi.Compute.Cpu.Products.Float32;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;
using Abi.Compute.Cpu.Products.Packing;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Compute.Memory;
using Abi.Compute.Scalar;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>
/// Every program that emitters write equals the definition bit for bit and touches only what it should, on any machine: AVX-512 too where there is none. What the processor can run gives what
/// the interpreter does.
/// </summary>
[Parallelizable]
public sealed unsafe class InterpretedProgramTests
{
    public static IEnumerable<Type> Formats => typeof(ILevelFormat).Assembly.GetTypes().Where(type => type.IsValueType && type.IsAssignableTo(typeof(ILevelFormat)));

    [TestCaseSource(nameof(Formats))]
    public void Int8TilesEqualTheDefinition(Type format) => Call(nameof(CheckTiles), format);

    [TestCaseSource(nameof(Formats))]
    public void PackedRowsEqualTheDefinition(Type format) => Call(nameof(CheckPackedRows), format);

    [Test]
    public void HalfRowsEqualTheDefinition([Values(1, 2, 3)] int rows, [Values(16, 8)] int lanes)
    {
        var assembler = new Assembler(narrow: lanes == 8);
        HalfRowsProgram.Write(assembler, rows);
        var code = assembler.ToArray();
        using var interpreter = new CodeInterpreter(code);
        var placed = EmittedFunction.CanRun(lanes == 8) ? EmittedFunction.Place(code) : null;
        var random = new Random(rows);
        foreach (var columns in new[] { 1, 6, 131 })
        {
            using var panel = Halves(random, columns * Panel.Outputs);
            using var expanded = new NativeBuffer(columns * Panel.Outputs * sizeof(float));
            using var x = new NativeBuffer(rows * columns * sizeof(float));
            using var y = new NativeBuffer(rows * Panel.Outputs * sizeof(float));

            FillFloats(random, x);
            FloatElements.Expand<F16>((byte*)panel.Address, columns * Panel.Outputs, (float*)expanded.Address);
            for (var accumulate = 0; accumulate < 2; accumulate++)
            {
                FillFloats(random, y);
                var expected = Floats(y).ToArray();
                fixed (float* to = expected)
                {
                    for (var row = 0; row < rows; row++)
                    {
                        new FloatTileReference().One((float*)expanded.Address, columns, (float*)x.Address + (row * columns), to + (row * Panel.Outputs), accumulate != 0);
                    }
                }

                HalfRowsArguments arguments = default;
                arguments.Panel = (byte*)panel.Address;
                (arguments.Columns, arguments.Accumulate) = (columns, accumulate);
                for (var row = 0; row < rows; row++)
                {
                    (arguments.X[row], arguments.Y[row]) = (x.Address + (row * columns * sizeof(float)), y.Address + (row * Panel.Outputs * sizeof(float)));
                }

                Lend(interpreter, &arguments, panel, x, y);
                Check(interpreter, placed, &arguments, y, expected, $"{columns} columns");
            }
        }
    }

    [Test]
    public void HalfScoresEqualTheDefinition([Values(1, 3, 6, 8)] int queries)
    {
        const int length = AttentionKernels.SpanLength;
        var assembler = new Assembler();
        HalfAttentionProgram.WriteScores(assembler, queries);
        var random = new Random(queries);
        foreach (var columns in new[] { 1, 67 })
        {
            using var keys = Halves(random, columns * StateStore.PageLength);
            using var packed = new NativeBuffer(columns * HalfAttentionProgram.MostQueries * sizeof(float));
            using var scores = new NativeBuffer(queries * length * sizeof(float));
            FillFloats(random, packed);
            FillFloats(random, scores);
            var expected = Floats(scores).ToArray();
            for (var q = 0; q < queries; q++)
            {
                for (var p = 0; p < StateStore.PageLength; p++)
                {
                    var score = 0f;
                    for (var i = 0; i < columns; i++)
                    {
                        score = MathF.FusedMultiplyAdd(Floats(packed)[(i * HalfAttentionProgram.MostQueries) + q], (float)((Half*)keys.Address)[(i * StateStore.PageLength) + p], score);
                    }

                    expected[(q * length) + p] = score;
                }
            }

            var arguments = new HalfAttentionArguments { Page = (Half*)keys.Address, Factors = (float*)packed.Address, To = (float*)scores.Address, Count = columns };
            CheckAttention(assembler, &arguments, keys, packed, scores, expected);
        }
    }

    [Test]
    public void HalfSumsEqualTheDefinition([Values(1, 3, 6, 8)] int queries, [Values] bool isWide)
    {
        const int length = AttentionKernels.SpanLength;
        const int stride = 5 * 16;
        const int column = 16;
        var vectors = isWide ? HalfAttentionProgram.SumVectors(queries) : 1;
        var assembler = new Assembler();
        HalfAttentionProgram.WriteSums(assembler, queries, vectors);
        var random = new Random(queries);
        foreach (var (from, count) in new[] { (0, StateStore.PageLength), (30, 1), (7, 11) })
        {
            using var values = Halves(random, StateStore.PageLength * stride);
            using var weights = new NativeBuffer(queries * length * sizeof(float));
            using var sums = new NativeBuffer(queries * stride * sizeof(float));
            FillFloats(random, weights);
            FillFloats(random, sums);
            var expected = Floats(sums).ToArray();
            for (var q = 0; q < queries; q++)
            {
                for (var c = column; c < column + (16 * vectors); c++)
                {
                    ref var sum = ref expected[(q * stride) + c];
                    for (var p = from; p < from + count; p++)
                    {
                        sum = MathF.FusedMultiplyAdd(Floats(weights)[(q * length) + p], (float)((Half*)values.Address)[(p * stride) + c], sum);
                    }
                }
            }

            var arguments = new HalfAttentionArguments
            {
                Page = (Half*)values.Address + (from * stride) + column, Factors = (float*)weights.Address + from, To = (float*)sums.Address + column,
                Count = count, Stride = stride * sizeof(Half), ToStride = stride * sizeof(float),
            };
            CheckAttention(assembler, &arguments, values, weights, sums, expected);
        }
    }

    /// <summary>The definition knows nothing of denormals; the interpreted instruction takes them for zero, as the manual says. That they agree shows that there never are any.</summary>
    [Test]
    public void Bf16RowsEqualTheDefinition([Values(1, 2, 3, 4, 5, 6)] int rows)
    {
        var assembler = new Assembler();
        HalfRowsProgram.WriteBf16(assembler, rows);
        var code = assembler.ToArray();
        using var interpreter = new CodeInterpreter(code);
        var placed = Emitter.HasBf16 && EmittedFunction.CanRun(narrow: false) ? EmittedFunction.Place(code) : null;
        var random = new Random(rows);
        foreach (var (pairs, scale) in new[] { (1, 1f), (6, 1f), (67, 1f), (67, ScalarProducts.NegligibleBf16 * 32), (67, ScalarProducts.NegligibleBf16 / 32) })
        {
            using var panel = new NativeBuffer(pairs * Panel.Outputs * sizeof(uint));
            using var x = new NativeBuffer(rows * pairs * sizeof(uint));
            using var y = new NativeBuffer(rows * Panel.Outputs * sizeof(float));
            Bf16Rows.Fill(random, panel, scale);
            Bf16Rows.Fill(random, x, scale);
            for (var accumulate = 0; accumulate < 2; accumulate++)
            {
                HalfRowsArguments arguments = default;
                arguments.Panel = (byte*)panel.Address;
                (arguments.Columns, arguments.Accumulate) = (pairs, accumulate);
                FillFloats(random, y);
                var expected = Floats(y).ToArray();
                fixed (float* to = expected)
                {
                    for (var row = 0; row < rows; row++)
                    {
                        (arguments.X[row], arguments.Y[row]) = (x.Address + (row * pairs * sizeof(uint)), y.Address + (row * Panel.Outputs * sizeof(float)));
                        Bf16Reference.One((uint*)panel.Address, pairs, (uint*)x.Address + (row * pairs), to + (row * Panel.Outputs), accumulate != 0);
                    }
                }

                Lend(interpreter, &arguments, panel, x, y);
                Check(interpreter, placed, &arguments, y, expected, $"{pairs} pairs around {scale}");
            }
        }
    }

    [Test]
    public void HalvesAreWidened([Values(16, 8)] int lanes, [Values] bool windows)
    {
        const int all = 1 << 16;
        var assembler = new Assembler(narrow: lanes == 8);
        HalfWidening.Write(assembler);
        using var halves = new NativeBuffer(all * sizeof(ushort));
        using var floats = new NativeBuffer(all * sizeof(float));
        var from = new Span<ushort>((void*)halves.Address, all);
        for (var i = 0; i < all; i++)
        {
            from[i] = (ushort)i;
        }

        var (code, starts) = windows ? WindowsEntries.Add(assembler.ToArray(), [0]) : (assembler.ToArray(), [0]);
        using var interpreter = new CodeInterpreter(code);
        interpreter.Memory.Lend(halves, isWritable: false, "halves");
        interpreter.Memory.Lend(floats, isWritable: true, "floats");
        interpreter.Call(starts[0], windows, halves.Address, floats.Address, all / 32);
        Assert.That(Floats(floats).ToArray(), Is.EqualTo(Enumerable.Range(0, all).Select(i => (float)BitConverter.UInt16BitsToHalf((ushort)i))));
    }

    private static void Call(string name, Type format)
    {
        var method = typeof(InterpretedProgramTests).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(format);
        method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, null, null);
    }

    private static void CheckTiles<TFormat>()
        where TFormat : struct, ILevelFormat
    {
        CheckTile(EmittedInt8Tile.Write<TFormat>(new Assembler()), "512 bits");
        CheckTile(EmittedInt8Tile.Write<TFormat>(new Assembler(narrow: true)), "256 bits");
        CheckTile(EmittedInt8Tile.Write<TFormat>(new Assembler(narrow: true, vnni: true)), "256 bits with VNNI");

        static void CheckTile((byte[] Code, int[] Starts, int MostLevel) written, string message)
        {
            Check(written.Code, written.Starts, windows: false);
            var (code, entries) = WindowsEntries.Add(written.Code, written.Starts);
            Check(code, entries, windows: true);

            void Check(byte[] code, int[] starts, bool windows)
            {
                using var interpreter = new CodeInterpreter(code);
                Assert.That(EmittedInt8Tile.IsRight<TFormat>(new InterpretedInt8Tile<TFormat>(interpreter, starts, windows), written.MostLevel), windows ? $"{message}, Windows" : message);
            }
        }
    }

    private static void CheckPackedRows<TFormat>()
        where TFormat : struct, ILevelFormat
    {
        if (TFormat.ScaleForm == ScaleForm.Power)
        {
            Assert.Pass("No program reads scales that are powers of two.");
        }

        var shape = PackedRowsShape.Of<TFormat>();
        using var constants = new NativeBuffer(PackedRows<TFormat>.ConstantBytes);
        PackedRows<TFormat>.WriteConstants((byte*)constants.Address);
        var random = new Random(29);
        foreach (var (narrow, vnni) in new[] { (false, false), (true, false), (true, true) })
        {
            for (var rows = 1; rows <= PackedRowsProgram.MostRows; rows++)
            {
                var assembler = new Assembler(narrow, vnni);
                PackedRowsProgram.Write(assembler, shape, rows);
                var code = assembler.ToArray();
                using var interpreter = new CodeInterpreter(code);
                var placed = EmittedFunction.CanRun(narrow, vnni) ? EmittedFunction.Place(code) : null;
                CheckPieces<TFormat>(random, interpreter, placed, constants, rows, pieces: 1, blocks: 1, isExtreme: false);
                CheckPieces<TFormat>(random, interpreter, placed, constants, rows, pieces: 2, blocks: Int8Panel.MaximumBlocks, isExtreme: rows % 2 == 0);
                CheckPieces<TFormat>(random, interpreter, placed, constants, rows, pieces: 1, blocks: 3, isExtreme: rows % 2 != 0);
            }
        }
    }

    private static void CheckPieces<TFormat>(Random random, CodeInterpreter interpreter, byte* placed, NativeBuffer constants, int rows, int pieces, int blocks, bool isExtreme)
        where TFormat : struct, ILevelFormat
    {
        using var packed = new NativeBuffer(pieces * PackedPanel<TFormat>.Layout.PieceBytes(blocks));
        using var x = new NativeBuffer(rows * pieces * blocks * ActivationBlock.Bytes);
        using var y = new NativeBuffer(rows * Panel.Outputs * sizeof(float));
        using var panel = new NativeBuffer(blocks * Int8Panel<TFormat>.RecordBytes);
        for (var piece = 0; piece < pieces; piece++)
        {
            PackedRows<TFormat>.FillPiece(random, (byte*)packed.Address + (piece * PackedPanel<TFormat>.Layout.PieceBytes(blocks)), blocks, isExtreme);
        }

        EmittedInt8Tile.FillRows(random, (ActivationBlock*)x.Address, rows * pieces * blocks, isExtreme);
        FillFloats(random, y);
        var expected = Floats(y).ToArray();
        PackedRowsArguments arguments = new()
        {
            Packed = (byte*)packed.Address, Pieces = pieces, Blocks = blocks, GroupBytes = PackedPanel<TFormat>.Layout.GroupBytes(blocks),
            XBytes = blocks * ActivationBlock.Bytes, Constants = (byte*)constants.Address, UnitFactor = TFormat.UnitFactor, MinimumFactor = -1,
        };
        fixed (float* to = expected)
        {
            for (var row = 0; row < rows; row++)
            {
                var first = (ActivationBlock*)x.Address + (row * pieces * blocks);
                (arguments.X[row], arguments.Y[row]) = ((long)first, y.Address + (row * Panel.Outputs * sizeof(float)));
                for (var piece = 0; piece < pieces; piece++)
                {
                    PackedPanel<TFormat>.Unpack((byte*)packed.Address + (piece * PackedPanel<TFormat>.Layout.PieceBytes(blocks)), blocks, (byte*)panel.Address);
                    var tile = new Int8TileArguments { Panel = (byte*)panel.Address, Blocks = blocks, X0 = first + (piece * blocks), Y0 = to + (row * Panel.Outputs), Accumulate = 1 };
                    new Int8TileReference<TFormat>().One(&tile);
                }
            }
        }

        interpreter.TakeBack();
        interpreter.Memory.Lend(&arguments, sizeof(PackedRowsArguments), isWritable: false, "arguments");
        interpreter.Memory.Lend(arguments.Scratch, 384, isWritable: true, "scratch");
        interpreter.Memory.Lend(constants, isWritable: false, "constants");
        interpreter.Memory.Lend(packed, isWritable: false, "packed panel");
        interpreter.Memory.Lend(x, isWritable: false, "activations");
        interpreter.Memory.Lend(y, isWritable: true, "outputs");
        Check(interpreter, placed, &arguments, y, expected, $"{rows} rows, {pieces} pieces of {blocks} blocks");
    }

    private static void Lend(CodeInterpreter interpreter, HalfRowsArguments* arguments, NativeBuffer panel, NativeBuffer x, NativeBuffer y)
    {
        interpreter.TakeBack();
        interpreter.Memory.Lend(arguments, sizeof(HalfRowsArguments), isWritable: false, "arguments");
        interpreter.Memory.Lend(panel, isWritable: false, "panel");
        interpreter.Memory.Lend(x, isWritable: false, "activations");
        interpreter.Memory.Lend(y, isWritable: true, "outputs");
    }

    private static void CheckAttention(Assembler written, HalfAttentionArguments* arguments, NativeBuffer page, NativeBuffer factors, NativeBuffer to, float[] expected)
    {
        var code = written.ToArray();
        using var interpreter = new CodeInterpreter(code);
        interpreter.Memory.Lend(arguments, sizeof(HalfAttentionArguments), isWritable: false, "arguments");
        interpreter.Memory.Lend(page, isWritable: false, "page");
        interpreter.Memory.Lend(factors, isWritable: false, "factors");
        interpreter.Memory.Lend(to, isWritable: true, "results");
        Check(interpreter, EmittedFunction.CanRun(narrow: false) ? EmittedFunction.Place(code) : null, arguments, to, expected, $"{arguments->Count} of the page");
    }

    /// <summary>Random halves, denormal ones too.</summary>
    private static NativeBuffer Halves(Random random, int count)
    {
        var buffer = new NativeBuffer(count * sizeof(ushort));
        foreach (ref var half in new Span<Half>((void*)buffer.Address, count))
        {
            half = (Half)((random.NextSingle() - 0.5f) * (random.Next(8) == 0 ? 1e-5f : 1));
        }

        return buffer;
    }

    /// <summary>Runs a function interpreted and, where it can be, by the processor, from the same outputs.</summary>
    private static void Check(CodeInterpreter interpreter, byte* placed, void* arguments, NativeBuffer y, float[] expected, string message)
    {
        var before = Floats(y).ToArray();
        interpreter.Call(0, false, (nint)arguments);
        Assert.That(Bits(Floats(y)), Is.EqualTo(Bits(expected)), $"{message}, interpreted");
        if (placed != null)
        {
            before.CopyTo(Floats(y));
            EmittedFunction.Run(placed, arguments);
            Assert.That(Bits(Floats(y)), Is.EqualTo(Bits(expected)), $"{message}, run");
        }
    }

    private static void FillFloats(Random random, NativeBuffer buffer)
    {
        foreach (ref var value in Floats(buffer))
        {
            value = random.NextSingle() - 0.5f;
        }
    }

    private static Span<float> Floats(NativeBuffer buffer) => new((void*)buffer.Address, (int)(buffer.Length / sizeof(float)));

    private static uint[] Bits(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, uint>(values).ToArray();
}
