using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Devices;
using Abi.Compute.Formats;
using Abi.Testing;

namespace Abi.Compute.Tests.Cpu.Products;

/// <summary>Products of every format give the same bits on every instruction set, with emitted code and without: processes of their own with the runtime's switches and ours.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ProductInstructionSetTests
{
    private static readonly Lazy<string> Here = new(Bits);

    [TestCase("ABI_EMIT")]
    [TestCase("DOTNET_EnableAVX512")]
    [TestCase("DOTNET_EnableAVX512,DOTNET_EnableAVXVNNI")]
    [TestCase("ABI_EMIT,DOTNET_EnableAVXVNNI")]
    [TestCase("ABI_EMIT,DOTNET_EnableAVX512")]
    [TestCase("ABI_EMIT,DOTNET_EnableAVX512,DOTNET_EnableAVXVNNI")]
    [TestCase("DOTNET_EnableAVX2")]
    [TestCase("DOTNET_EnableArm64Dp")]
    [TestCase("DOTNET_EnableHWIntrinsic")]
    public void BitsDoNotDependOnTheInstructionSet(string variables)
    {
        var output = ChildProcess.Run(Print, variables.Split(',').ToDictionary(name => name, _ => "0"));
        Assert.That(output.Trim().Split('\n'), Is.EqualTo(Here.Value.Split('\n')));
    }

    private static void Print() => Console.WriteLine(Bits());

    private static string Bits()
    {
        List<string> lines = [];
        foreach (var format in BlockFormat.All.Where(format => !format.IsIntegerData))
        {
            foreach (var activations in Enum.GetValues<ActivationPrecision>())
            {
                using var product = new ProductCase(format.Type, 512, 80, 8, seed: 11);
                foreach (var rows in (int[])[8, 1])
                {
                    using var some = new ProductCase(product, rows);
                    using var matrix = ProductMatrices.Create(product.Weight, 0, 80, activations, RepackMode.Lazy);
                    var bits = SHA256.HashData(MemoryMarshal.AsBytes(some.Multiply(matrix).AsSpan()));
                    lines.Add(string.Create(CultureInfo.InvariantCulture, $"{format.Name} {activations} {rows} {Convert.ToHexString(bits)[..16]}"));
                }
            }
        }

        return string.Join('\n', lines);
    }
}
