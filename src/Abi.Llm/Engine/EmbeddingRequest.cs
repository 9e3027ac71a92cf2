using Abi.Llm.Models;

namespace Abi.Llm.Engine;

/// <summary>Texts that one caller wants as vectors; they may be computed in several steps, and beside those of others.</summary>
/// <remarks>The counts are guarded by the engine's lock.</remarks>
internal sealed class EmbeddingRequest(EmbeddingPooling pooling, IReadOnlyList<int[]> texts, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EmbeddingPooling Pooling => pooling;

    /// <summary>The tokens of each text.</summary>
    public IReadOnlyList<int[]> Texts => texts;

    /// <summary>What became of each text: [rows, width].</summary>
    public float[][] Values { get; } = new float[texts.Count][];

    /// <summary>The texts that have been given to a step.</summary>
    public int Taken { get; set; }

    /// <summary>The texts that are done.</summary>
    public int Done { get; set; }

    public bool IsOver => _completion.Task.IsCompleted;

    public Task Completion => _completion.Task;

    public CancellationToken CancellationToken => cancellationToken;

    public void Succeed() => _completion.TrySetResult();

    public void Fail(Exception exception) => _completion.TrySetException(exception);

    public bool Cancel() => _completion.TrySetCanceled(cancellationToken);
}
