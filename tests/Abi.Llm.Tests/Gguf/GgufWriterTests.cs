using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Testing;

namespace Abi.Llm.Tests.Gguf;

public sealed class GgufWriterTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("abi-gguf").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void EveryReferenceModelSurvivesBeingWritten()
    {
        var path = Path.Combine(_folder, "copy.gguf");
        foreach (var source in Directory.GetFiles(Fixtures.Path("models"), "*.gguf").Concat(Directory.GetFiles(Fixtures.Path("quantized-models"), "*.gguf")))
        {
            using (var file = GgufFile.Open(source))
            {
                var writer = new GgufWriter(file.Metadata);
                foreach (var tensor in file.Tensors)
                {
                    writer.Add(tensor);
                }

                writer.Write(path);
                using var copy = GgufFile.Open(path);
                Assert.That(copy.Version, Is.EqualTo(3));
                Assert.That(copy.Metadata.Keys, Is.EqualTo(file.Metadata.Keys.Where(key => !key.StartsWith("split.", StringComparison.Ordinal))));
                foreach (var key in copy.Metadata.Keys)
                {
                    Assert.That(copy.Metadata.Get(key).Bytes.SequenceEqual(file.Metadata.Get(key).Bytes), key);
                    Assert.That(copy.Metadata.Get(key).ElementType, Is.EqualTo(file.Metadata.Get(key).ElementType), key);
                }

                Assert.That(copy.Tensors, Has.Count.EqualTo(file.Tensors.Count));
                for (var i = 0; i < copy.Tensors.Count; i++)
                {
                    Assert.That(copy.Tensors[i].ToString(), Is.EqualTo(file.Tensors[i].ToString()));
                    Assert.That(copy.Tensors[i].RowBytes(0, (int)copy.Tensors[i].Rows).SequenceEqual(file.Tensors[i].RowBytes(0, (int)copy.Tensors[i].Rows)));
                }
            }

            File.Delete(path);
        }
    }

    [Test]
    public void AnUntouchedModelIsWrittenByteForByte()
    {
        var source = Fixtures.Path("models", "llama.gguf");
        using var file = GgufFile.Open(source);
        var writer = new GgufWriter(file.Metadata);
        foreach (var tensor in file.Tensors)
        {
            writer.Add(tensor);
        }

        using var stream = new MemoryStream();
        writer.Write(stream);
        Assert.That(stream.ToArray().AsSpan().SequenceEqual(File.ReadAllBytes(source)));
    }

    [TestCase(8)]
    [TestCase(32)]
    [TestCase(4096)]
    public void AlignmentIsObeyed(int alignment)
    {
        var writer = new GgufWriter(Metadata().With("general.alignment", GgufValue.Of((uint)alignment)));
        for (var i = 1; i < 6; i++)
        {
            writer.Add($"t{i}", TensorType.F32, [i], Enumerable.Repeat((byte)i, i * 4).ToArray());
        }

        var path = Path.Combine(_folder, "aligned.gguf");
        writer.Write(path);
        using var file = GgufFile.Open(path);
        foreach (var tensor in file.Tensors)
        {
            Assert.That(tensor.Offset % alignment, Is.Zero);
            Assert.That(tensor.RowBytes(0).ToArray(), Is.All.EqualTo((byte)tensor.Columns));
        }
    }

    [Test]
    public void AFailedOrCancelledWriteLeavesTheOldFile()
    {
        var path = Path.Combine(_folder, "model.gguf");
        File.WriteAllText(path, "old");
        var writer = new GgufWriter(Metadata());
        writer.Add("a", TensorType.F32, [4], new byte[16]);
        writer.Add("b", TensorType.F32, [4], (stream, _) => stream.Write(new byte[12]));
        Assert.That(() => writer.Write(path), Throws.InvalidOperationException.With.Message.Contains("'b'"));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.That(() => writer.Write(path, cancellationToken: cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
        Assert.That(() => writer.Write(Path.Combine(_folder, "no", "such", "folder.gguf")), Throws.InstanceOf<AbiException>());
    }

    [Test]
    public void WhatNoReaderWouldOpenIsRefused()
    {
        var writer = new GgufWriter(Metadata());
        writer.Add("a", TensorType.Q4_0, [32], new byte[18]);
        Assert.That(() => writer.Add("a", TensorType.F32, [1], new byte[4]), Throws.ArgumentException);
        Assert.That(() => writer.Add(new string('x', 64), TensorType.F32, [1], new byte[4]), Throws.ArgumentException);
        Assert.That(() => writer.Add("b", TensorType.Q4_0, [33], new byte[18]), Throws.ArgumentException);
        Assert.That(() => writer.Add("c", TensorType.F32, [1, 1, 1, 1, 1], new byte[4]), Throws.ArgumentException);
        Assert.That(() => new GgufWriter(Metadata().With("general.alignment", GgufValue.Of(24u))), Throws.InstanceOf<ModelFormatException>());
    }

    [Test]
    public void ATensorMayNotWritePastItsEnd()
    {
        var writer = new GgufWriter(Metadata());
        writer.Add("a", TensorType.F32, [4], (stream, _) => stream.Write(new byte[20]));
        using var stream = new MemoryStream();
        Assert.That(() => writer.Write(stream), Throws.InvalidOperationException.With.Message.Contains("'a'"));
    }

    private static GgufMetadata Metadata() => new([KeyValuePair.Create("general.architecture", GgufValue.Of("llama"))]);
}
