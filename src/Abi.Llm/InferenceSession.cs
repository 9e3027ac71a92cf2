using System.Runtime.CompilerServices;
using Abi.Llm.Engine;

namespace Abi.Llm;

/// <summary>A text that grows over several generations; what is computed of it is kept. Making one is cheap.</summary>
/// <remarks>
/// For one caller at a time; a second request while one runs is an <see cref="InvalidOperationException"/>. After a cancelled or failed generation the tokens so far stay,
/// and what was not computed yet is computed by the next request. When memory is short an idle session's state is given to others and computed anew, exactly.
/// </remarks>
public sealed class InferenceSession : IDisposable
{
    private readonly InferenceEngine _engine;
    private readonly Sequence _sequence;

    internal InferenceSession(InferenceEngine engine, Sequence sequence)
    {
        _engine = engine;
        _sequence = sequence;
    }

    /// <summary>The number of tokens, prompts and generated ones together; stop tokens are not kept.</summary>
    public int Count => _sequence.Count;

    /// <summary>The tokens whose state is there.</summary>
    public int CachedCount => _sequence.Cached;

    /// <summary>A copy of the tokens.</summary>
    public int[] GetIds() => Ids.ToArray();

    /// <summary>The tokens, until they are changed.</summary>
    internal ReadOnlySpan<int> Ids
    {
        get
        {
            RequireIdle();
            return _sequence.Tokens;
        }
    }

    /// <summary>Appends a prompt and starts generating after it.</summary>
    /// <param name="promptIds">What is appended; may be empty to go on.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    /// <exception cref="ContextFullException">The text is longer than the context, and the policy is to say so; the session is as before.</exception>
    public GenerationStream Start(ReadOnlySpan<int> promptIds, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        _engine.Start(_sequence, promptIds, options ?? new GenerationOptions(), cancellationToken);

    /// <summary>The same for a prompt of which others computed the beginning.</summary>
    internal GenerationStream Start(ReadOnlySpan<int> promptIds, GenerationOptions options, int promptTokens, CancellationToken cancellationToken) =>
        _engine.Start(_sequence, promptIds, options, cancellationToken, promptTokens);

    /// <summary>Appends tokens and hands over the logits after the last one, on the engine's thread.</summary>
    internal Task EvaluateNextAsync(ReadOnlySpan<int> ids, LogitsHandler handler, CancellationToken cancellationToken) => _engine.EvaluateNextAsync(_sequence, ids, handler, cancellationToken);

    /// <summary>Appends a text and starts generating after it; special tokens at the beginning are added only when the session is empty.</summary>
    /// <param name="prompt">What is appended; may be empty to go on.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    public GenerationStream Start(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new GenerationOptions();
        return Start(_engine.Tokenizer.Encode(prompt, options.AddSpecialTokens && Count == 0, options.ParseSpecialTokens), options, cancellationToken);
    }

    /// <summary>Appends a text and generates after it.</summary>
    /// <param name="prompt">What is appended; may be empty to go on.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(string prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        // encoded when it is read: whether special tokens belong in front depends on what the session holds then
        var stream = Start(prompt, options, cancellationToken);
        await using (stream.ConfigureAwait(false))
        {
            await foreach (var piece in stream.ReadPiecesAsync().ConfigureAwait(false))
            {
                yield return piece;
            }
        }
    }

    /// <summary>Appends tokens and generates after them.</summary>
    /// <param name="promptIds">What is appended; may be empty to go on.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    public async IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        ReadOnlyMemory<int> promptIds, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var stream = Start(promptIds.Span, options, cancellationToken);
        await using (stream.ConfigureAwait(false))
        {
            await foreach (var piece in stream.ReadPiecesAsync().ConfigureAwait(false))
            {
                yield return piece;
            }
        }
    }

    /// <summary>Appends a text and generates after it, to the end.</summary>
    /// <param name="prompt">What is appended; may be empty to go on.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    /// <returns>What was generated; the prompt is not part of it.</returns>
    /// <exception cref="ContextFullException">The text is longer than the context, and the policy is to say so; the session is as before.</exception>
    public Task<GenerationResult> CompleteAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerationResult.ReadAsync(GenerateAsync(prompt, options, cancellationToken));

    /// <summary>Appends tokens and generates after them, to the end.</summary>
    /// <param name="promptIds">What is appended; may be empty to go on.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Ends it, also while the prompt is computed.</param>
    /// <returns>What was generated; the prompt is not part of it.</returns>
    /// <exception cref="ContextFullException">The text is longer than the context, and the policy is to say so; the session is as before.</exception>
    public Task<GenerationResult> CompleteAsync(ReadOnlyMemory<int> promptIds, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerationResult.ReadAsync(GenerateAsync(promptIds, options, cancellationToken));

    /// <summary>Cuts the text back to its first tokens.</summary>
    /// <param name="count">How many to keep.</param>
    public void Rewind(int count)
    {
        RequireIdle();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _sequence.Count);
        _sequence.CutTokens(count);
        _engine.Post(() => _sequence.AlignState(count));
    }

    /// <summary>A session that goes on from here on its own. Keys and values are shared until they differ.</summary>
    public InferenceSession Fork()
    {
        RequireIdle();
        var copy = _engine.NewSequence(isTemporary: false);
        copy.CopyTokens(_sequence);
        _engine.Fork(_sequence, copy);
        return new InferenceSession(_engine, copy);
    }

    /// <summary>
    /// Writes the session: its tokens, the state computed of them, and what the samplers of its last generation remember (<see cref="GenerationOptions.ResumeSampling"/>).
    /// </summary>
    /// <param name="stream">Where to write; stays open.</param>
    /// <param name="cancellationToken">Ends it before it begins to write.</param>
    /// <exception cref="InvalidOperationException">A generation runs on it.</exception>
    public Task SaveAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        RequireIdle();
        return _engine.SaveAsync(_sequence, stream, cancellationToken);
    }

    /// <summary>Writes the session to a file, which is there whole or, when something fails, as it was before.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="InvalidOperationException">A generation runs on it.</exception>
    /// <exception cref="AbiException">The file cannot be written.</exception>
    public async Task SaveAsync(string path, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using var file = new WholeFile(path, bufferBytes: 1 << 16);
            await SaveAsync(file.Stream, cancellationToken).ConfigureAwait(false);
            file.Commit();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new AbiException($"The session cannot be written to '{path}': {exception.Message}", exception);
        }
    }

    /// <summary>Ends what runs on it and gives its state back; a second call does nothing.</summary>
    public void Dispose() => _engine.Release(_sequence);

    private void RequireIdle()
    {
        ObjectDisposedException.ThrowIf(_sequence.IsDisposed, this);
        if (_sequence.Owner is not null)
        {
            throw new InvalidOperationException("The session is in use: a sequence belongs to one request at a time.");
        }
    }
}
