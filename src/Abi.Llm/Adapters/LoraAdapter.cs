using System.Collections.Immutable;
using Abi.Compute.Adapters;
using Abi.Compute.Tensors;
using Abi.Llm.Adapters;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm;

/// <summary>
/// A LoRA adapter (paper: Hu et al. 2021) of one model: low-rank changes of its matrices, applied to the requests that name it (<see cref="GenerationOptions.Adapters"/>) and never
/// merged into the weights.
/// </summary>
/// <remarks>
/// Thread-safe. Adapters come and go while the model runs. Disposing refuses further requests; the memory is freed when the last request or session that uses the adapter is over.
/// </remarks>
public sealed class LoraAdapter : IDisposable
{
    private static int _lastId;
    private readonly Dictionary<WeightTensor, WeightAdapter> _changes;
    private int _holders = 1;
    private int _isDisposed;

    internal LoraAdapter(string path, Dictionary<WeightTensor, WeightAdapter> changes)
    {
        Path = path;
        _changes = changes;
    }

    /// <summary>Where it was read from.</summary>
    public string Path { get; }

    /// <summary>The names of the tensors that it changes, in order.</summary>
    public ImmutableArray<string> TensorNames => [.. _changes.Keys.Select(tensor => tensor.Name).Order(StringComparer.Ordinal)];

    /// <summary>The bytes that it holds.</summary>
    public long ByteLength => _changes.Values.Sum(change => change.A.ByteLength + change.B.ByteLength);

    internal int Id { get; } = Interlocked.Increment(ref _lastId);

    internal IReadOnlyDictionary<WeightTensor, WeightAdapter> Changes => _changes;

    /// <summary>Refuses further requests, and frees the memory when no request uses it any more; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            Release();
        }
    }

    /// <summary>Reads an adapter for a model.</summary>
    internal static LoraAdapter Load(string path, GgufFile model, ModelDefinition definition)
    {
        if (definition.DecoderGraph is not { } graph || definition.Kind != ModelKind.Decoder)
        {
            throw new UnsupportedModelException($"A model of architecture '{definition.Architecture}' is not a decoder: adapters are applied to decoders only.");
        }

        if (!File.Exists(path) && !Directory.Exists(path))
        {
            throw new AbiException($"There is no adapter at '{path}': a GGUF file, or a folder or .safetensors file of PEFT, was expected.");
        }

        var targets = AdapterTargets.Of(graph);
        return Directory.Exists(path) || path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
            ? PeftAdapterReader.Read(path, model, definition, targets)
            : GgufAdapterReader.Read(path, definition, targets);
    }

    internal void Acquire()
    {
        int holders;
        do
        {
            holders = Volatile.Read(ref _holders);
            ObjectDisposedException.ThrowIf(holders == 0 || Volatile.Read(ref _isDisposed) != 0, this);
        }
        while (Interlocked.CompareExchange(ref _holders, holders + 1, holders) != holders);
    }

    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            foreach (var change in _changes.Values)
            {
                change.A.Memory.Dispose();
                change.B.Memory.Dispose();
            }
        }
    }
}
