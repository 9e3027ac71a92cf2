using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Abi.Llm.Chat;
using Abi.Llm.Gguf;
using Abi.Llm.Sampling;
using Abi.Llm.Tokenizers;
using Abi.Testing;

namespace Abi.Llm.Tests.Chat;

/// <summary>A model that says what a test wrote down: one output a request, in pieces.</summary>
internal sealed class ScriptedBackend(params string[] outputs) : IChatBackend
{
    private static readonly Lazy<Tokenizer> Phi = new(() =>
    {
        using var file = GgufFile.Open(Fixtures.Path("tokenizers", "phi-3.gguf"));
        return Tokenizer.FromMetadata(file.Metadata);
    });

    private int _next = -1;

    public static Tokenizer PhiTokenizer => Phi.Value;

    public Tokenizer Tokenizer => PhiTokenizer;

    public int? ContextLength { get; set; } = 4096;

    public SamplingOptions RecommendedSampling { get; set; } = new();

    /// <summary>The length of a piece.</summary>
    public int PieceLength { get; set; } = 3;

    public FinishReason FinishReason { get; set; } = FinishReason.StopToken;

    /// <summary>What was asked for.</summary>
    public ConcurrentQueue<(string Prompt, int[] Ids, GenerationOptions Options)> Requests { get; } = [];

    public bool IsDisposed { get; private set; }

    /// <summary>Pieces that were read, over all requests.</summary>
    public int PiecesRead { get; private set; }

    public static AbiChatClient Client(ScriptedBackend backend, ChatTemplate? template = null, AbiChatClientOptions? options = null) =>
        new(backend, "scripted", template ?? TemplateFixtures.Load("Qwen-Qwen3"), null, options ?? new AbiChatClientOptions());

    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(ReadOnlyMemory<int> promptIds, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Requests.Enqueue((Tokenizer.Decode(promptIds.Span), promptIds.ToArray(), options));
        var output = outputs[Math.Min(Interlocked.Increment(ref _next), outputs.Length - 1)];
        var count = 0;
        for (var at = 0; at < output.Length; at += PieceLength)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            count++;
            PiecesRead++;
            yield return new GeneratedPiece { Text = output.Substring(at, Math.Min(PieceLength, output.Length - at)), Tokens = [new GeneratedToken(count, float.NaN, [])] };
        }

        yield return new GeneratedPiece
        {
            Outcome = new GenerationOutcome
            {
                FinishReason = FinishReason, Seed = options.Sampling.Seed ?? 77, Usage = new GenerationUsage(promptIds.Length, 5, count + 1), Timings = new GenerationTimings(default, default, default, promptIds.Length, count),
            },
        };
    }

    public object? GetService(Type type) => null;

    public void Dispose() => IsDisposed = true;
}
