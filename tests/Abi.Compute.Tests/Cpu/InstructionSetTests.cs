using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Abi.Compute.Cpu;
using Abi.Testing;

namespace Abi.Compute.Tests.Cpu;

/// <summary>Every operation gives the same bits with narrower registers: processes of their own with the runtime's switches.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class InstructionSetTests
{
    private static readonly Lazy<string> Here = new(() => Bits(out _));

    [TestCase("DOTNET_EnableAVX512", 256)]
    [TestCase("DOTNET_EnableAVX2", 128)]
    [TestCase("DOTNET_EnableHWIntrinsic", 0)]
    public void BitsDoNotDependOnTheInstructionSet(string variable, int width)
    {
        var output = ChildProcess.Run(Print, new Dictionary<string, string> { [variable] = "0" }).Split('\n', 2);
        Assert.That(int.Parse(output[0], System.Globalization.CultureInfo.InvariantCulture), Is.LessThanOrEqualTo(width), "the switch works");
        Assert.That(output[1].Split('\n'), Is.EqualTo(Here.Value.Split('\n')));
    }

    private static void Print()
    {
        var text = Bits(out var width);
        Console.WriteLine(width);
        Console.Write(text);
    }

    private static string Bits(out int width)
    {
        width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        return string.Join('\n', OperationCase.All().Where((_, i) => i % 2 == 0).Select((test, i) =>
        {
            // two pages, and of some attention more than a span
            var results = OperationRunner.Run(device, test, test.Name.StartsWith("attend ", StringComparison.Ordinal) && i % 8 == 0 ? [290, 1] : [40, 1]);
            var bytes = results.SelectMany(result => MemoryMarshal.AsBytes(result.AsSpan()).ToArray()).ToArray();
            return $"{test.Name}: {Convert.ToHexString(SHA256.HashData(bytes))[..16]}";
        }));
    }
}
