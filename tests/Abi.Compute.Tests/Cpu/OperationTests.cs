using Abi.Compute.Cpu;
using Abi.Compute.Scalar;

namespace Abi.Compute.Tests.Cpu;

/// <summary>Every operation of the CPU device: beside the plain device, and the same bits in any company.</summary>
[Parallelizable]
public sealed class OperationTests
{
    private const int Rows = 33;
    private static readonly CpuDevice[] Devices = [.. Enumerable.Range(1, 4).Select(threads => new CpuDevice(new CpuOptions { Threads = threads }))];

    internal static IEnumerable<OperationCase> Cases() => OperationCase.All();

    [OneTimeTearDown]
    public void Stop()
    {
        foreach (var device in Devices)
        {
            device.Dispose();
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void ResultsAreThoseOfThePlainDevice(object test)
    {
        var operation = (OperationCase)test;
        using var plain = new ScalarDevice();
        int[] steps = [Rows, 1, 40];
        var expected = OperationRunner.Run(plain, operation, steps);
        var actual = OperationRunner.Run(Devices[1], operation, steps);
        for (var i = 0; i < expected.Length; i++)
        {
            var greatest = expected[i].Max(MathF.Abs);
            Assert.That(float.IsFinite(greatest), "the case is a sound one");
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(operation.Tolerance * Math.Max(greatest, 1e-3)), $"output {i}");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void BitsDoNotDependOnCompany(object test)
    {
        var operation = (OperationCase)test;
        var isPooled = operation.Name.StartsWith("pool", StringComparison.Ordinal); // one row of all rows of a step
        var isWithin = operation.Name.StartsWith("attend within", StringComparison.Ordinal); // sees all rows of a step
        var expected = OperationRunner.Run(Devices[0], operation, [Rows]);
        for (var threads = 2; threads <= Devices.Length; threads++)
        {
            Compare(OperationRunner.Run(Devices[threads - 1], operation, [Rows]), expected, $"{threads} threads");
        }

        Compare(OperationRunner.Run(Devices[2], operation, [Rows], company: 5), expected, "beside five others");
        if (isPooled || isWithin)
        {
            return;
        }

        var random = new Random(operation.Name.Length);
        for (var rows = 1; rows < Rows; rows++)
        {
            Compare(OperationRunner.Run(Devices[rows % 4], operation, [rows, Rows - rows], company: rows % 3), expected, $"{rows} and {Rows - rows} rows");
        }

        for (var round = 0; round < 4; round++)
        {
            var steps = new List<int>();
            for (var left = Rows; left > 0; left -= steps[^1])
            {
                steps.Add(random.Next(1, Math.Min(left, 1 << random.Next(1, 6)) + 1));
            }

            Compare(OperationRunner.Run(Devices[random.Next(4)], operation, steps), expected, $"steps of {string.Join(", ", steps)}");
        }
    }

    /// <summary>Far into a text, where a row's positions are cut into spans that several threads take.</summary>
    [Test]
    public void BitsFarIntoATextDoNotDependOnCompany()
    {
        foreach (var operation in Cases().Where(test => test.Name.StartsWith("attend ", StringComparison.Ordinal) && !test.Name.StartsWith("attend within", StringComparison.Ordinal)).Where((_, i) => i % 3 == 0))
        {
            var expected = OperationRunner.Run(Devices[0], operation, [700]);
            foreach (int[] steps in (int[][])[[699, 1], [640, 3, 57], [31, 600, 1, 1, 67]])
            {
                Compare(OperationRunner.Run(Devices[3], operation, steps), expected, $"{operation.Name}: steps of {string.Join(", ", steps)}");
            }
        }
    }

    private static void Compare(float[][] actual, float[][] expected, string how)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.That(actual[i].AsSpan().SequenceEqual(expected[i]), $"output {i}: {how}");
        }
    }
}
