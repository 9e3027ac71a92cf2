using System.Numerics.Tensors;
using Abi.Compute.Adapters;
using Abi.Compute.Formats;
using Abi.Compute.Graphs;
using Abi.Compute.Tensors;
using Abi.Llm.Adapters;
using Abi.Llm.Gguf;
using Abi.Llm.Models;

namespace Abi.Llm;

/// <summary>Writes a model with adapters merged into its weights: <c>W + scale × B A</c>, for programs that cannot apply adapters, or where one adapter is always used.</summary>
/// <remarks>
/// Thread-safe. The model is mapped and the output written in one pass. Changed tensors keep their format, so merging into few bits loses more than applying the adapter does. Where an
/// adapter changes embeddings that the output is tied to, the copy gets an output matrix of its own (<c>output.weight</c>), which is as the embeddings were.
/// </remarks>
public static class AdapterMerger
{
    /// <summary>Merges adapters into a model.</summary>
    /// <param name="input">The model; any part of a split one.</param>
    /// <param name="output">The file to make; it appears when it is whole.</param>
    /// <param name="adapters">The adapters' paths (GGUF, or PEFT folders) and what their changes are multiplied by.</param>
    /// <param name="changedType">The format of changed tensors; unset, each keeps its own.</param>
    /// <param name="progress">Is told the share that is written.</param>
    /// <param name="cancellationToken">Stops between rows; no output is left.</param>
    /// <returns>The names of the tensors that were changed, in the file's order.</returns>
    /// <exception cref="AbiException">A file is broken, an adapter does not fit the model, or a changed tensor's format cannot be encoded.</exception>
    public static IReadOnlyList<string> Merge(
        string input, string output, IReadOnlyList<(string Path, float Scale)> adapters, TensorType? changedType = null, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(output);
        ArgumentNullException.ThrowIfNull(adapters);
        using var file = GgufFile.Open(input, cancellationToken);
        var definition = ModelDefinition.Create(file);
        var opened = new List<LoraAdapter>();
        try
        {
            foreach (var (path, _) in adapters)
            {
                opened.Add(LoraAdapter.Load(path, file, definition));
            }

            var changes = opened
                .SelectMany((adapter, i) => adapter.Changes.Select(change => (change.Key.Name, Change: change.Value with { Scale = change.Value.Scale * adapters[i].Scale })))
                .ToLookup(change => change.Name, change => change.Change, StringComparer.Ordinal);
            var writer = new GgufWriter(file.Metadata);
            var changed = new List<string>();
            var (total, done) = (Math.Max(1, file.Tensors.Sum(tensor => tensor.ByteLength)), 0L);
            foreach (var tensor in file.Tensors)
            {
                var own = changes[tensor.Name].ToArray();
                var format = own.Length > 0 ? FormatOf(tensor, changedType) : tensor.Format;
                writer.Add(tensor.Name, format.Type, tensor.Shape.AsSpan(), (stream, token) =>
                {
                    Write(tensor, own, format, stream, token);
                    done += tensor.ByteLength;
                    progress?.Report((double)done / total);
                });
                if (own.Length > 0)
                {
                    changed.Add(tensor.Name);
                }
            }

            // Adapters change what a table of embeddings says of tokens, not the output that is tied to it: that gets the table as it was.
            if (changed.Contains(AdapterTargets.Embeddings) && definition.DecoderGraph!.Operations.OfType<MatMul>().FirstOrDefault(static product => product.Weight.Name == AdapterTargets.Embeddings)?.Weight is { } table)
            {
                writer.Add("output.weight", table.Type, table.Shape.AsSpan(), (stream, token) => Write(table, [], table.Format, stream, token));
            }

            writer.Write(output, progress: null, cancellationToken);
            return changed;
        }
        finally
        {
            opened.ForEach(static adapter => adapter.Dispose());
        }
    }

    private static BlockFormat FormatOf(WeightTensor tensor, TensorType? asked)
    {
        var format = BlockFormat.Get(asked ?? tensor.Type);
        return format.CanEncode && !format.NeedsImportance && tensor.Columns % format.BlockLength == 0
            ? format
            : throw new AbiException($"'{tensor.Name}' is changed and would have to be written as {format.Name}, which cannot be done here (a row of {tensor.Columns}, no importance weights). Choose another format for changed tensors, such as F16.");
    }

    private static unsafe void Write(WeightTensor tensor, WeightAdapter[] changes, BlockFormat format, Stream stream, CancellationToken cancellationToken)
    {
        var row = new float[tensor.Columns];
        var bytes = new byte[format.RowBytes(tensor.Columns)];
        for (long r = 0; r < tensor.Rows; r++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (changes.Length == 0)
            {
                stream.Write(tensor.RowBytes(r));
                continue;
            }

            tensor.DecodeRow(r, row);
            foreach (var change in changes)
            {
                // of each expert, A is [rank, in], and B is kept as [rank, out]
                var (expert, output) = Math.DivRem(r, change.B.Columns);
                for (var rank = expert * change.Rank; rank < (expert + 1) * change.Rank; rank++)
                {
                    var a = new ReadOnlySpan<float>((float*)change.A.Address + (rank * tensor.Columns), row.Length);
                    TensorPrimitives.MultiplyAdd(a, change.Scale * ((float*)change.B.Address)[(rank * change.B.Columns) + output], row, row);
                }
            }

            format.Encode(row, default, bytes);
            stream.Write(bytes);
        }
    }
}
