using System.Diagnostics;
using System.Runtime.InteropServices;
using Abi.Compute.Memory;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Gguf;

/// <summary>Headers changed at random: each ends in an open file or an <see cref="AbiException"/>, soon and without an allocation that the header merely asks for.</summary>
public sealed class GgufMutationTests
{
    private const long AllowedBytes = 64L << 20;
    private static readonly string[] Names = ["llama.gguf", "t5.gguf", "mamba.gguf", "bert.gguf", "deepseek2-lite.gguf", "gemma3.gguf", "gpt2.gguf"];
    private static readonly ulong[] Extremes = [0, 1, 2, 255, 1 << 16, int.MaxValue, uint.MaxValue, 1UL << 31, 1UL << 32, 1UL << 40, 1UL << 62, long.MaxValue, 1UL << 63, ulong.MaxValue, ulong.MaxValue - 31];

    [Test]
    public void AFewThousandMutatedHeaders() => Run(3_000, seed: 1);

    private static void Run(int count, int seed)
    {
        var random = new Random(seed);
        var originals = Names.Select(name => new Original(Fixtures.Path("models", name))).ToArray();
        var (opened, defined, refused, slowest) = (0, 0, 0, TimeSpan.Zero);
        for (var i = 0; i < count; i++)
        {
            var original = originals[random.Next(originals.Length)];
            var begun = Stopwatch.GetTimestamp();
            var before = GC.GetAllocatedBytesForCurrentThread();
            var memory = original.Mutate(random);
            try
            {
                using var file = GgufFile.Open(memory, "fuzz.gguf");
                opened++;
                ModelDefinition.Create(file);
                Tokenizer.FromMetadata(file.Metadata);
                defined++;
            }
            catch (AbiException)
            {
                refused++;
            }
            catch (Exception error) when (error is not AssertionException)
            {
                Assert.Fail($"header {i} of seed {seed} ({original.Name}, {original.Changes}): {error}");
            }
            finally
            {
                original.Restore();
                memory.Dispose();
            }

            var took = Stopwatch.GetElapsedTime(begun);
            slowest = took > slowest ? took : slowest;
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(original.Length + AllowedBytes), $"header {i} of seed {seed} ({original.Name}, {original.Changes}) allocated too much");
            Assert.That(took, Is.LessThan(TimeSpan.FromSeconds(10)), $"header {i} of seed {seed} ({original.Name}, {original.Changes}) took too long");
        }

        foreach (var original in originals)
        {
            original.Dispose();
        }

        TestContext.Out.WriteLine($"{count} headers: {opened} opened, {defined} of them models, {refused} refused; the slowest took {slowest.TotalMilliseconds:F0} ms");
        Assert.That(refused, Is.GreaterThan(count / 4), "the mutations reach what is checked");
        Assert.That(defined, Is.GreaterThan(count / 100), "the mutations leave something whole");
    }

    /// <summary>A file in memory whose header is changed in place and put right again.</summary>
    private sealed unsafe class Original : IDisposable
    {
        private readonly byte[] _bytes;
        private readonly NativeBuffer _buffer;
        private readonly int _headerLength;
        private readonly List<string> _changes = [];

        public Original(string path)
        {
            Name = Path.GetFileName(path);
            _bytes = File.ReadAllBytes(path);
            using (var file = GgufFile.Open(path))
            {
                _headerLength = (int)file.Tensors.Min(tensor => tensor.Offset);
            }

            _buffer = new NativeBuffer(_bytes.Length);
            Marshal.Copy(_bytes, 0, _buffer.Address, _bytes.Length);
        }

        public string Name { get; }

        public long Length => _bytes.Length;

        public string Changes => string.Join(", ", _changes);

        private Span<byte> Header => new((void*)_buffer.Address, _headerLength);

        public TensorMemory Mutate(Random random)
        {
            _changes.Clear();
            var header = Header;
            for (var n = random.Next(1, 5); n > 0; n--)
            {
                // small offsets hold counts and the first keys, which matter most
                var at = random.Next(3) == 0 ? random.Next(64) : random.Next(_headerLength);
                switch (random.Next(4))
                {
                    case 0:
                        header[at] ^= (byte)(1 << random.Next(8));
                        _changes.Add($"bit at {at}");
                        break;
                    case 1:
                        header[at] = (byte)random.Next(256);
                        _changes.Add($"byte at {at}");
                        break;
                    case 2:
                        var value = Extremes[random.Next(Extremes.Length)];
                        var width = random.Next(2) == 0 ? 4 : 8;
                        at = Math.Min(at, _headerLength - width);
                        MemoryMarshal.AsBytes([value])[..width].CopyTo(header[at..]);
                        _changes.Add($"{value} ({width} bytes) at {at}");
                        break;
                    default:
                        var length = random.Next(1, 64);
                        at = Math.Min(at, _headerLength - length);
                        var from = random.Next(_headerLength - length);
                        header.Slice(from, length).CopyTo(header[at..]);
                        _changes.Add($"{length} bytes from {from} at {at}");
                        break;
                }
            }

            if (random.Next(8) > 0)
            {
                return new View(_buffer.Address, _bytes.Length);
            }

            // cut short, in memory of its own, so that reading past the end reads past the allocation
            var kept = random.Next(4) == 0 ? random.Next(_bytes.Length) : random.Next(_headerLength);
            _changes.Add($"cut to {kept}");
            var cut = new NativeBuffer(kept);
            new ReadOnlySpan<byte>((void*)_buffer.Address, kept).CopyTo(new Span<byte>((void*)cut.Address, kept));
            return cut;
        }

        public void Dispose() => _buffer.Dispose();

        public void Restore() => _bytes.AsSpan(0, _headerLength).CopyTo(Header);
    }

    private sealed class View(nint address, long length) : TensorMemory
    {
        public override nint Address => address;

        public override long Length => length;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
