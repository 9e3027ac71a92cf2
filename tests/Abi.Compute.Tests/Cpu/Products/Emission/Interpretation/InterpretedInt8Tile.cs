using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Products.Formats;
using Abi.Compute.Cpu.Products.Int8;

namespace Abi.Compute.Tests.Cpu.Products.Emission.Interpretation;

/// <summary>A tile whose code is interpreted; it may touch what its arguments name.</summary>
internal sealed unsafe class InterpretedInt8Tile<TFormat>(CodeInterpreter interpreter, int[] starts, bool windows) : Int8Tile
    where TFormat : struct, ILevelFormat
{
    public override string Path => KernelPath.Scalar;

    public override void One(Int8TileArguments* arguments) => Run(arguments, 1);

    public override void Two(Int8TileArguments* arguments) => Run(arguments, 2);

    public override void Three(Int8TileArguments* arguments) => Run(arguments, 3);

    private void Run(Int8TileArguments* a, int rows)
    {
        interpreter.TakeBack();
        var memory = interpreter.Memory;
        memory.Lend(a, sizeof(Int8TileArguments), isWritable: false, "arguments");
        memory.Lend(&a->Accumulate + 1, (byte*)(a + 1) - (byte*)(&a->Accumulate + 1), isWritable: true, "room behind the arguments");
        memory.Lend(a->Panel, a->Blocks * Int8Panel<TFormat>.RecordBytes, isWritable: false, "panel");
        var x = stackalloc ActivationBlock*[] { a->X0, a->X1, a->X2 };
        var y = stackalloc float*[] { a->Y0, a->Y1, a->Y2 };
        for (var row = 0; row < rows; row++)
        {
            memory.Lend(x[row], a->Blocks * ActivationBlock.Bytes, isWritable: false, "activations");
            memory.Lend(y[row], Panel.Outputs * sizeof(float), isWritable: true, "outputs");
        }

        interpreter.Call(starts[rows - 1], windows, (nint)a);
    }
}
