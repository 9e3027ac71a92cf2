using System.Globalization;
using System.Runtime.InteropServices;
using Abi.Compute.Formats;
using Abi.Llm.Engine;
using Abi.Llm.Hosting;
using Abi.Llm.Models;
using Abi.Llm.Quantization;
using Abi.Testing;

namespace Abi.Llm.Tests.Engine;

/// <summary>
/// What the engine says it holds is what the process holds: the growth of the memory that the system has given to a process of its own, beside <see cref="EngineStatistics"/>. State takes memory as it is
/// used and keeps it for whoever comes next, so the process holds the most that was ever used at once, never more than all the state that there is.
/// </summary>
[Parallelizable]
public sealed partial class MemoryAccountingTests
{
    private const long Noise = 4L << 20; // what the runtime itself takes and gives back meanwhile
    private const int PromptLength = 120;
    private const int PromptPages = 4;

    [TestCase(TensorType.F32)]
    [TestCase(TensorType.F16)]
    [TestCase(TensorType.Q8_0)]
    [TestCase(TensorType.Q4_0)]
    public void KeysAndValuesForksAndPrefixes(TensorType type)
    {
        RequireLinux();
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"wide-keys-{type}.gguf");
        RandomModel.Write(path, ModelShape.Parse("tiny,embedding=32,feedforward=32,heads=16,kvheads=16,headlength=256,blocks=2,context=4096"), QuantizationTarget.Parse("F32"));
        var stages = Measure(ServeKeys, path, type);
        Assert.That(stages["loaded"].Used, Is.Zero);
        Holds(stages["half"], "half of the pages");
        Assert.That(stages["full"].Used, Is.EqualTo(2 * stages["half"].Used).And.EqualTo(stages["full"].Total));
        Holds(stages["full"], "all pages");
        Assert.That(stages["full"].Used, Is.GreaterThan(100L << 20), "enough to tell");

        // a fork shares its pages until it writes; then it has one of its own
        Assert.That(stages["forked"].Used, Is.EqualTo(stages["full"].Used));
        Assert.That(stages["written"].Used, Is.EqualTo(stages["half"].Used + (stages["half"].Used / PromptPages)));

        // what nobody holds is still known, and taken again by whoever begins alike
        Assert.That((stages["ended"].Used, stages["again"].Used), Is.EqualTo((0L, stages["half"].Used)));
        foreach (var later in new[] { "forked", "written", "ended", "again" })
        {
            StillHolds(stages[later], stages["full"], later);
        }
    }

    [Test]
    public void RecurrentStateAndItsForks()
    {
        RequireLinux();
        var stages = Measure(ServeRecurrent, Fixtures.Path("models", "mamba.gguf"), TensorType.F32);
        Assert.That(stages["loaded"].Used, Is.Zero);
        Holds(stages["half"], "half of the slots");
        Holds(stages["full"], "all slots");
        Assert.That(stages["full"].Used, Is.GreaterThan(32L << 20), "enough to tell");
        Assert.That(stages["full"].Used, Is.EqualTo(2 * stages["half"].Used));
        Assert.That(stages["forked"].Used, Is.EqualTo(stages["half"].Used), "forks share their slots until they go on");
        Assert.That(stages["written"].Used, Is.EqualTo(stages["full"].Used));
        Assert.That(stages["ended"].Used, Is.Zero);
        foreach (var later in new[] { "forked", "written", "ended" })
        {
            StillHolds(stages[later], stages["full"], later);
        }
    }

    /// <summary>What a host expects a model to take, from its header, is what it takes.</summary>
    [TestCase("llama.gguf", TensorType.F16)]
    [TestCase("llama.gguf", TensorType.Q4_0)]
    [TestCase("gemma3.gguf", TensorType.F16)]
    [TestCase("mamba.gguf", TensorType.F16)]
    [TestCase("t5.gguf", TensorType.F16)]
    public async Task AModelTakesWhatAHostExpects(string file, TensorType type)
    {
        var options = new EngineOptions { CacheType = type, ContextLength = 8192, CacheTokens = 65536, MaximumSequences = 1000, MaximumRows = 16 };
        var path = Fixtures.Path("models", file);
        await using var model = await TestModels.LoadAsync("models", file, options);
        var expected = ModelMemory.Estimate(path, options, default).OwnBytes;
        var taken = ModelMemory.Of(model).OwnBytes;
        await TestContext.Out.WriteLineAsync($"expected {expected:N0} bytes of state and scratch, taken {taken:N0}");
        Assert.That(expected, Is.EqualTo(taken).Within(25).Percent);
    }

    private static void Holds(Stage stage, string what) =>
        Assert.That(stage.Resident, Is.EqualTo(stage.Used + stage.Scratch).Within(Noise + (stage.Used / 50)), $"{what}: the engine says {stage.Used:N0} bytes of state and {stage.Scratch:N0} of scratch");

    /// <summary>What was taken is kept, and there is never more than all state and all scratch: a step of one row may be the first to touch scratch that prompts did not.</summary>
    private static void StillHolds(Stage stage, Stage fullest, string what) => Assert.That(stage.Resident, Is.InRange(fullest.Resident - Noise, fullest.Used + fullest.Scratch + Noise), what);

    private static void RequireLinux()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("The process's memory is read from /proc.");
        }
    }

    private static Dictionary<string, Stage> Measure(Action<string, string> serve, string path, TensorType type)
    {
        var output = ChildProcess.Run(serve, null, path, type.ToString());
        TestContext.Out.WriteLine(output);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToDictionary(
            parts => parts[0], parts => new Stage(Number(parts[1]), Number(parts[2]), Number(parts[3]), Number(parts[4])));

        static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
    }

    private static void ServeKeys(string path, string type) => ServeKeysAsync(path, Enum.Parse<TensorType>(type)).GetAwaiter().GetResult();

    private static void ServeRecurrent(string path, string type) => ServeRecurrentAsync(path, Enum.Parse<TensorType>(type)).GetAwaiter().GetResult();

    private static async Task ServeKeysAsync(string path, TensorType type)
    {
        // as many tokens as take 128 MB, whatever the format: four pages a session, all pages together
        var bytesPerToken = (int)(2 * 2 * 16 * BlockFormat.Get(type).RowBytes(256));
        var sessions = (128 << 20) / bytesPerToken / (PromptPages * 32) / 2 * 2;
        var options = new EngineOptions { CacheType = type, ContextLength = 192, CacheTokens = sessions * PromptPages * 32, MaximumRows = 64, MaximumSequences = 8 };
        await using var probe = await Probe.StartAsync(path, options);
        var vocabulary = probe.Model.Engine.VocabularySize;
        var first = await probe.FillAsync(Enumerable.Range(0, sessions / 2).Select(i => TestModels.Ids(PromptLength, vocabulary, i)));
        probe.Write("half");
        var second = await probe.FillAsync(Enumerable.Range(sessions / 2, sessions / 2).Select(i => TestModels.Ids(PromptLength, vocabulary, i)));
        probe.Write("full");
        var forks = first.ConvertAll(session => session.Fork());
        await probe.SettleAsync();
        probe.Write("forked");
        second.ForEach(session => session.Dispose());
        await probe.GoOnAndEndAsync(first, forks);
        await probe.FillAsync(Enumerable.Range(0, sessions / 2).Select(i => TestModels.Ids(PromptLength, vocabulary, i)));
        probe.Write("again");
    }

    private static async Task ServeRecurrentAsync(string path, TensorType type)
    {
        const int Slots = 1000;
        var options = new EngineOptions { CacheType = type, ContextLength = 192, MaximumRows = 64, MaximumSequences = Slots, ReusePrefixes = false };
        await using var probe = await Probe.StartAsync(path, options);
        var vocabulary = probe.Model.Engine.VocabularySize;
        var first = await probe.FillAsync(Enumerable.Range(0, Slots / 2).Select(i => TestModels.Ids(3, vocabulary, i)));
        probe.Write("half");
        var second = await probe.FillAsync(Enumerable.Range(Slots / 2, Slots / 2).Select(i => TestModels.Ids(3, vocabulary, i)));
        probe.Write("full");
        second.ForEach(session => session.Dispose());
        var forks = first.ConvertAll(session => session.Fork());
        await probe.SettleAsync();
        probe.Write("forked");
        await probe.GoOnAndEndAsync(first, forks);
    }

    /// <param name="Used">Bytes of state that sequences hold, as the engine says.</param>
    /// <param name="Total">Bytes of state that there are, as the engine says.</param>
    /// <param name="Scratch">Bytes of scratch, as the engine says.</param>
    /// <param name="Resident">Bytes that the process holds more than before the engine was made, as the system says.</param>
    private sealed record Stage(long Used, long Total, long Scratch, long Resident);

    /// <summary>An engine in a process that has run the same model before: code is compiled and weights are packed, for all who load the file, so what it takes more is this engine's.</summary>
    private sealed partial class Probe : IAsyncDisposable
    {
        private readonly LanguageModel _warm;
        private readonly long _before;

        private Probe(LanguageModel warm, LanguageModel model, long before) => (_warm, Model, _before) = (warm, model, before);

        public LanguageModel Model { get; }

        public static async Task<Probe> StartAsync(string path, EngineOptions options)
        {
            _ = Control(41, 1, 0, 0, 0); // PR_SET_THP_DISABLE: memory comes in pages of 4 KB, not of 2 MB
            var warm = await LanguageModel.LoadAsync(path, new ModelLoadOptions { Engine = options with { CacheTokens = 256, MaximumSequences = Math.Min(options.MaximumSequences, 8) } });
            for (var round = 0; round < 3; round++)
            {
                using var session = warm.CreateSession();
                await ReadAsync(session.Start(TestModels.Ids(PromptLength, warm.Engine.VocabularySize, round), new GenerationOptions { MaximumTokens = 4, IgnoreEndOfGeneration = true }));
                await ReadAsync(session.Start([5], new GenerationOptions { MaximumTokens = 0 }));
            }

            using (var session = warm.CreateSession())
            {
                await session.SaveAsync(Stream.Null); // the system's cryptography comes in with the first
            }

            var before = Resident();
            var probe = new Probe(warm, await LanguageModel.LoadAsync(path, new ModelLoadOptions { Engine = options }), before);
            probe.Write("loaded");
            return probe;
        }

        /// <summary>A session for each prompt, computed.</summary>
        public async Task<List<InferenceSession>> FillAsync(IEnumerable<int[]> prompts)
        {
            var sessions = new List<InferenceSession>();
            foreach (var chunk in prompts.Chunk(8))
            {
                var some = chunk.Select(prompt => (Session: Model.CreateSession(), Prompt: prompt)).ToList();
                await Task.WhenAll(some.Select(one => ReadAsync(one.Session.Start(one.Prompt, new GenerationOptions { MaximumTokens = 0 }))));
                sessions.AddRange(some.Select(one => one.Session));
            }

            return sessions;
        }

        /// <summary>Has the forks go on alone, which writes what they shared, and ends all.</summary>
        public async Task GoOnAndEndAsync(List<InferenceSession> sessions, List<InferenceSession> forks)
        {
            foreach (var fork in forks)
            {
                await ReadAsync(fork.Start([5], new GenerationOptions { MaximumTokens = 0 }));
            }

            await SettleAsync();
            Write("written");
            sessions.Concat(forks).ToList().ForEach(session => session.Dispose());
            await SettleAsync();
            Write("ended");
        }

        /// <summary>Waits until the engine has done what was asked of it: forks and disposals are done between steps.</summary>
        public async Task SettleAsync()
        {
            using var session = Model.CreateSession();
            using var nothing = new MemoryStream();
            await session.SaveAsync(nothing);
        }

        public void Write(string stage)
        {
            var now = Model.Engine.Statistics;
            Console.Write(string.Create(CultureInfo.InvariantCulture, $"{stage} {now.UsedStateBytes} {now.TotalStateBytes} {now.ScratchBytes} {Resident() - _before}\n"));
        }

        public async ValueTask DisposeAsync()
        {
            await Model.DisposeAsync();
            await _warm.DisposeAsync();
        }

        public static async Task ReadAsync(GenerationStream stream)
        {
            await using (stream)
            {
                await foreach (var piece in stream.ReadPiecesAsync())
                {
                    _ = piece;
                }
            }
        }

        /// <summary>The process's own memory, without what is mapped of files, in bytes.</summary>
        private static long Resident()
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("RssAnon:", StringComparison.Ordinal));
            return long.Parse(line.AsSpan(8, line.Length - 8 - 3).Trim(), CultureInfo.InvariantCulture) << 10;
        }

        [LibraryImport("libc", EntryPoint = "prctl")]
        private static partial int Control(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
    }
}
