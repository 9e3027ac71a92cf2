using System.Globalization;
using System.Numerics.Tensors;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>
/// How far the distributions of the next token move from one model to another over the first four windows of 512 tokens of a text, the second half of each scored: what
/// <c>llama-perplexity -c 512 --chunks 4 --kl-divergence</c> measures.
/// </summary>
/// <param name="Divergence">The mean Kullback-Leibler divergence, in nats.</param>
/// <param name="Logit">The root of the mean square of the differences of logits.</param>
/// <param name="GreatestLogit">The greatest of them.</param>
/// <param name="SameChoice">How many of a hundred tokens have the same most likely next one.</param>
internal sealed record DistributionDistance(double Divergence, double Logit, double GreatestLogit, double SameChoice)
{
    private const int Windows = 4;
    private const int Length = 512;

    public static async Task<DistributionDistance> MeasureAsync(LanguageModel plain, LanguageModel other)
    {
        var text = await File.ReadAllTextAsync(Fixtures.Path("text", "stories-perplexity.txt"));
        var ids = plain.Tokenizer.Encode(text.AsSpan(0, Windows * Length * 6).ToString(), addSpecial: true, parseSpecial: false);
        var width = plain.Engine.VocabularySize;
        var (divergence, squares, greatest, same, rows) = (0d, 0d, 0d, 0, 0);
        for (var window = 0; window < Windows; window++)
        {
            var part = ids.AsSpan(window * Length, Length).ToArray();
            part[0] = plain.Tokenizer.BeginId!.Value;
            var (reference, logits) = (await plain.ComputeLogitsAsync(part, all: true), await other.ComputeLogitsAsync(part, all: true));
            for (var row = Length / 2; row < Length - 1; row++, rows++)
            {
                var p = reference.AsSpan(row * width, width);
                var q = logits.AsSpan(row * width, width);
                same += TensorPrimitives.IndexOfMax<float>(p) == TensorPrimitives.IndexOfMax<float>(q) ? 1 : 0;
                var (a, b) = (LogitKernels.LogSumExp(p), LogitKernels.LogSumExp(q));
                for (var i = 0; i < width; i++)
                {
                    divergence += Math.Exp(p[i] - a) * (p[i] - a - (q[i] - b));
                    squares += Math.Pow(p[i] - q[i], 2);
                    greatest = Math.Max(greatest, Math.Abs(p[i] - q[i]));
                }
            }
        }

        return new DistributionDistance(divergence / rows, Math.Sqrt(squares / rows / width), greatest, 100d * same / rows);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"mean divergence {Divergence:e3} nats, logits {Logit:f4} apart, {GreatestLogit:f4} at most, the same first choice {SameChoice:f2} %");
}
