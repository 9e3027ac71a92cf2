using System.Globalization;
using Abi.Compute.Devices;
using Abi.Llm.Engine;
using Abi.Llm.Sampling;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>
/// Measures the managed bytes of generating, from the sampled id to the caller's buffer, over all threads of a process that does nothing else: a test host has timers and
/// messages of its own, which would be counted too.
/// </summary>
internal static class AllocationProbe
{
    private const int Warm = 64;
    private const int Measured = 256;
    private const int Ahead = 64; // how far the buffers let a sequence run ahead of its reader
    private const int Windows = 6;

    /// <summary>The least bytes of several windows of 256 tokens of each sequence: what every window allocates, without what the runtime does now and then.</summary>
    /// <param name="path">The model.</param>
    /// <param name="sequences">How many texts are generated together.</param>
    /// <param name="device">"cpu", "canned" or "leaking".</param>
    /// <param name="adapter">An adapter that all of them use; empty for none.</param>
    public static long Measure(string path, int sequences, string device, string adapter = "")
    {
        var output = ChildProcess.Run(Serve, null, path, sequences.ToString(CultureInfo.InvariantCulture), device, adapter);
        TestContext.Out.WriteLine($"bytes in each window: {output}");
        return output.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => long.Parse(text, CultureInfo.InvariantCulture)).Min();
    }

    private static void Serve(string path, string sequences, string device, string adapter)
    {
        using IDevice? canned = device switch
        {
            "canned" => new CannedDevice(),
            "leaking" => new CannedDevice { OnRun = static (_, _) => GC.KeepAlive(new object()) },
            _ => null,
        };
        var bytes = MeasureAsync(path, int.Parse(sequences, CultureInfo.InvariantCulture), canned, adapter).GetAwaiter().GetResult();
        Console.Write(string.Join(' ', bytes));
    }

    private static async Task<List<long>> MeasureAsync(string path, int sequences, IDevice? device, string adapter)
    {
        await using var model = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Device = device, Engine = new EngineOptions { CacheTokens = sequences * 512 } });
        using var loaded = adapter.Length > 0 ? await model.LoadAdapterAsync(adapter) : null;
        var bytes = new List<long>();
        do
        {
            bytes.Add(await MeasureAsync(model, sequences, loaded));
        }
        while (bytes[^1] > 0 && bytes.Count < Windows);

        return bytes;
    }

    private static async Task<long> MeasureAsync(LanguageModel model, int sequences, LoraAdapter? adapter)
    {
        var streams = new GenerationStream[sequences];
        for (var i = 0; i < sequences; i++)
        {
            streams[i] = model.Start("Once upon a time, there was a little girl named Lily.", new GenerationOptions
            {
                Adapters = adapter is null ? [] : [new AdapterUse(adapter)],
                MaximumTokens = Warm + Measured + (2 * Ahead),
                BufferedTokens = Ahead,
                IgnoreEndOfGeneration = true,
                StopStrings = ["never there at all"],
                Sampling = new SamplingOptions { RepetitionPenalty = 1.1f, Seed = i },
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

        // the readers take turns until each has its tokens; none comes to its end meanwhile
        void ReadTo(int tokens)
        {
            for (var left = streams.Length; left > 0;)
            {
                left = 0;
                foreach (var stream in streams)
                {
                    if (stream.TokensRead < tokens)
                    {
                        stream.WaitToRead();
                        stream.TryRead(buffer);
                        left++;
                    }
                }
            }
        }
    }
}
