using Abi.Compute.Formats;
using Abi.Llm.Gguf;
using Abi.Llm.Models;
using Abi.Llm.Quantization;
using Abi.Llm.Tokenizers;

namespace Abi.Llm.Tests.Models;

[Parallelizable]
public sealed class RandomModelTests
{
    private string _path = string.Empty;

    [SetUp]
    public void ChoosePath() => _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [TearDown]
    public void RemoveFile() => File.Delete(_path);

    [TestCase("tiny", "F32")]
    [TestCase("tiny", "BF16")]
    [TestCase("tiny", "Q4_K_M")]
    [TestCase("tiny,tied=true,ropefactor=8", "Q8_0")]
    [TestCase("tiny,experts=8,used=2", "Q4_0")]
    [TestCase("tiny,architecture=qwen2", "Q6_K")]
    [TestCase("tiny,architecture=qwen3,headlength=128", "IQ4_XS")]
    [TestCase("tiny,architecture=qwen3moe,experts=4,used=2", "MXFP4_MOE")]
    [TestCase("tiny,embedding=96,feedforward=160,heads=6,kvheads=3,vocabulary=301", "Q4_K_M")]
    public void ARandomModelIsAModel(string shape, string target)
    {
        RandomModel.Write(_path, ModelShape.Parse(shape), QuantizationTarget.Parse(target));
        using var file = GgufFile.Open(_path);
        var definition = ModelDefinition.Create(file);
        Assert.That(definition.Hyperparameters.BlockCount, Is.EqualTo(4));
        Assert.That(definition.DecoderGraph, Is.Not.Null);
        Assert.That(file.Metadata.GetInt32("general.file_type"), Is.EqualTo(QuantizationTarget.Parse(target).FileType));
        var tokenizer = Tokenizer.FromMetadata(file.Metadata);
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(definition.Hyperparameters.VocabularySize));
        Assert.That(tokenizer.Decode(tokenizer.Encode("Once upon a time, é!", addSpecial: false)).Trim(), Is.EqualTo("Once upon a time, é!"));
        foreach (var tensor in file.Tensors)
        {
            var values = tensor.ToFloats();
            Assert.That(Array.TrueForAll(values, float.IsFinite), tensor.Name);
            if (tensor.Shape.Length > 1)
            {
                // Variance one over the number of columns, or less behind attention and the feed-forward network.
                var rms = Math.Sqrt(values.Average(value => (double)value * value) * tensor.Columns);
                Assert.That(rms, Is.InRange(0.25, 1.2), tensor.ToString());
            }
        }
    }

    [Test]
    public void TheSameSeedGivesTheSameFile()
    {
        byte[] Make(int seed)
        {
            RandomModel.Write(_path, ModelShape.Parse("tiny,blocks=1"), QuantizationTarget.Parse("Q4_0"), seed);
            return File.ReadAllBytes(_path);
        }

        var first = Make(1);
        Assert.That(Make(1).AsSpan().SequenceEqual(first));
        Assert.That(Make(2).AsSpan().SequenceEqual(first), Is.False);
    }

    [TestCase("huge")]
    [TestCase("tiny,heads=3")]
    [TestCase("tiny,kvheads=3")]
    [TestCase("tiny,vocabulary=100")]
    [TestCase("tiny,blocks=many")]
    [TestCase("tiny,colour=blue")]
    [TestCase("tiny,experts=4")]
    [TestCase("tiny,architecture=gpt2")]
    [TestCase("tiny,blocks=2000000000")]
    [TestCase("tiny,vocabulary=2000000000")]
    [TestCase("tiny,embedding=2000000000,headlength=64")]
    [TestCase("tiny,feedforward=2147483647")]
    [TestCase("tiny,heads=1048576,kvheads=1048576,headlength=1048576")]
    [TestCase("tiny,headlength=-4")]
    [TestCase("moe,experts=1048576,feedforward=1048576,embedding=1048576")]
    [TestCase("tiny,ropebase=NaN")]
    [TestCase("tiny,ropebase=0")]
    [TestCase("tiny,ropefactor=Infinity")]
    [TestCase("tiny,ropefactor=-1")]
    public void AShapeThatIsNoneIsRefused(string text) => Assert.That(() => ModelShape.Parse(text), Throws.ArgumentException);

    [Test]
    public void EveryNamedShapeFits()
    {
        foreach (var shape in ModelShape.Named)
        {
            Assert.That(shape.Check, Throws.Nothing, shape.Name);
        }
    }
}
