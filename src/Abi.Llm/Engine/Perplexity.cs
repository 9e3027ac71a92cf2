using System.Collections.Immutable;
using Abi.Llm.Sampling;

namespace Abi.Llm.Engine;

/// <summary>Perplexity of a text by windows.</summary>
public static class Perplexity
{
    /// <summary>ln p of a token under logits: [vocabulary].</summary>
    public static double LogProbability(ReadOnlySpan<float> logits, int id)
    {
        var max = LogitKernels.Max(logits);
        return logits[id] - max - Math.Log(LogitKernels.SumExp(logits, max));
    }

    /// <summary>
    /// The method of llama.cpp's tool: the tokens are cut into windows of <paramref name="contextLength"/> (a rest is dropped), the first token of each is replaced by the
    /// beginning token when the model adds one, and the tokens of the second half of each window, but for its first, are scored.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="ids">The text's tokens, special ones added as the model declares.</param>
    /// <param name="contextLength">The length of a window, at most the model's context.</param>
    /// <param name="progress">Is told the result so far after each window.</param>
    /// <param name="adapters">Adapters that change the model, in order.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ArgumentException">There are fewer tokens than one window has, or the window is too short.</exception>
    public static async Task<PerplexityResult> ComputeAsync(
        LanguageModel model, ReadOnlyMemory<int> ids, int contextLength, IProgress<PerplexityResult>? progress = null, ImmutableArray<AdapterUse> adapters = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(contextLength, 4);
        if (ids.Length < contextLength)
        {
            throw new ArgumentException($"The text has {ids.Length} tokens; a window of {contextLength} needs as many. Choose a shorter window or a longer text.", nameof(ids));
        }

        double sum = 0;
        double squares = 0;
        var count = 0;
        var windows = ids.Length / contextLength;
        var result = new PerplexityResult(double.NaN, double.NaN, 0, 0, windows);
        for (var window = 0; window < windows; window++)
        {
            var tokens = ids.Slice(window * contextLength, contextLength).ToArray();
            if (model.Tokenizer.AddsBegin && model.Tokenizer.BeginId is { } begin)
            {
                tokens[0] = begin;
            }

            var first = contextLength / 2;
            await model.Engine.EvaluateAsync(
                tokens.AsSpan(0, contextLength - 1), first,
                (position, logits) =>
                {
                    var surprise = -LogProbability(logits, tokens[position + 1]);
                    sum += surprise;
                    squares += surprise * surprise;
                    count++;
                },
                adapters: adapters,
                cancellationToken: cancellationToken).ConfigureAwait(false);
            var mean = sum / count;
            var variance = (squares / count) - (mean * mean);
            var value = Math.Exp(mean);
            result = new PerplexityResult(value, count > 1 ? value * Math.Sqrt(Math.Max(variance, 0) / (count - 1)) : double.NaN, count, window + 1, windows);
            progress?.Report(result);
        }

        return result;
    }
}
