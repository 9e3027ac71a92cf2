using Abi.Llm.Sampling;

namespace Abi.Llm.Tests.Engine;

/// <summary>Measures the managed bytes of generating, from the sampled id to the caller's buffer.</summary>
internal static class AllocationProbe
{
    private const int Warm = 64;
    private const int Measured = 256;

    public static async Task AssertNoneAsync(LanguageModel model, string prompt, int sequences)
    {
        var least = long.MaxValue;
        for (var attempt = 0; attempt < 5 && least > 0; attempt++)
        {
            least = Math.Min(least, await MeasureAsync(model, prompt, sequences));
        }

        Assert.That(least, Is.Zero, $"{least} bytes over {Measured} tokens of {sequences} sequences");
    }

    private static async Task<long> MeasureAsync(LanguageModel model, string prompt, int sequences)
    {
        var streams = new GenerationStream[sequences];
        for (var i = 0; i < sequences; i++)
        {
            streams[i] = model.Start(prompt, new GenerationOptions
            {
                MaximumTokens = Warm + Measured + 16, IgnoreEndOfGeneration = true, StopStrings = ["never there at all"], Sampling = new SamplingOptions { RepetitionPenalty = 1.1f, Seed = i },
            });
        }

        var buffer = new byte[512];
        ReadTo(Warm);
        var before = GC.GetTotalAllocatedBytes(true);
        ReadTo(Warm + Measured);
        var after = GC.GetTotalAllocatedBytes(true);
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }

        return after - before;

        // the readers take turns; buffers of 64 tokens bound how far any sequence runs ahead
        void ReadTo(int tokens)
        {
            for (var turn = 0; streams[0].TokensRead < tokens; turn = (turn + 1) % sequences)
            {
                streams[turn].WaitToRead();
                streams[turn].TryRead(buffer);
            }
        }
    }
}
