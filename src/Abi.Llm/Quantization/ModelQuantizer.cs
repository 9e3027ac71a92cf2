using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using Abi.Compute.Formats;
using Abi.Compute.Tensors;
using Abi.Llm.Gguf;

namespace Abi.Llm.Quantization;

/// <summary>Quantises model files: GGUF in, GGUF out, with the tensor types of llama-quantize's mixtures.</summary>
/// <remarks>Thread-safe. The input is mapped and the output written in one pass, so a model larger than memory passes through.</remarks>
public static class ModelQuantizer
{
    /// <summary>The elements that are encoded between two writes.</summary>
    private const int SlabElements = 1 << 22;

    /// <summary>The least elements worth handing to another thread.</summary>
    private const int ChunkElements = 1 << 14;

    /// <summary>The version of the block formats that <c>general.quantization_version</c> states.</summary>
    private const uint QuantizationVersion = 2;

    /// <summary>What would become of every tensor, in the order of the output.</summary>
    /// <exception cref="AbiException">A tensor needs importance weights, or is quantised already (see <see cref="ModelQuantizerOptions"/>).</exception>
    public static IReadOnlyList<TensorConversion> Plan(GgufFile model, QuantizationTarget target, ModelQuantizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(target);
        options ??= new ModelQuantizerOptions();
        var tensors = model.Tensors.OrderBy(tensor => tensor.Name, TensorNameComparer.Instance).ToList();
        var chooser = new TensorTypeChooser(target, QuantizedModel.Read(model.Metadata), tensors.Select(tensor => tensor.Name), options.Pure, options.Importance is not null, options.OutputType, options.EmbeddingType);
        var plan = new List<TensorConversion>();
        foreach (var tensor in tensors)
        {
            var type = chooser.Choose(tensor.Name, tensor.Type, tensor.Shape.AsSpan());
            Check(model, target, options, chooser, tensor, type);
            plan.Add(new TensorConversion(tensor.Name, tensor.Shape, tensor.Type, type, tensor.ByteLength, BlockFormat.Get(type).RowBytes(tensor.Columns) * tensor.Rows));
        }

        return plan;
    }

    /// <summary>Quantises a file.</summary>
    /// <param name="input">The model, of F32, F16 or BF16 weights; any part of a split one.</param>
    /// <param name="output">The file to make; it appears when it is whole. It may be the input's own name, unless that is a part of a split one.</param>
    /// <param name="target">What to quantise to.</param>
    /// <param name="options">Threads and permissions.</param>
    /// <param name="progress">Told of every tensor and slab.</param>
    /// <param name="cancellationToken">Stops between rows; no output is left.</param>
    /// <returns>What became of every tensor.</returns>
    /// <exception cref="AbiException">The input is broken or needs a permission, or the output cannot be written.</exception>
    public static IReadOnlyList<TensorConversion> Quantize(
        string input, string output, QuantizationTarget target, ModelQuantizerOptions? options = null, IProgress<QuantizationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(output);
        using var model = GgufFile.Open(input, cancellationToken);
        var comparison = OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
        if (model.PartPaths.Any(part => Path.GetFullPath(part).Equals(Path.GetFullPath(output), comparison)))
        {
            throw new AbiException($"'{output}' is a part of the split model that is read, which would be lost with it: the result is one file. Name another one.");
        }

        options ??= new ModelQuantizerOptions();
        var plan = Plan(model, target, options);
        var writer = new GgufWriter(Metadata(model.Metadata, target));
        var total = Math.Max(1, model.Tensors.Sum(tensor => tensor.Count));
        var done = 0L;
        for (var i = 0; i < plan.Count; i++)
        {
            var (index, conversion, tensor) = (i, plan[i], model.GetTensor(plan[i].Name));
            void Report(long elements) => progress?.Report(new QuantizationProgress(conversion.Name, conversion.From, conversion.To, index, plan.Count, (double)(done + elements) / total));
            writer.Add(conversion.Name, conversion.To, conversion.Shape.AsSpan(), (stream, token) =>
            {
                Report(0);
                if (conversion.To == conversion.From)
                {
                    Copy(tensor, stream, token);
                }
                else
                {
                    Convert(tensor, BlockFormat.Get(conversion.To), options, model.Path, stream, Report, token);
                }

                done += tensor.Count;
            });
        }

        writer.Write(output, progress: null, cancellationToken);
        progress?.Report(new QuantizationProgress(string.Empty, TensorType.F32, TensorType.F32, plan.Count, plan.Count, 1));
        return plan;
    }

    private static GgufMetadata Metadata(GgufMetadata metadata, QuantizationTarget target)
    {
        // The two keys go to the end, where llama-quantize has them.
        var result = metadata.Without("general.quantization_version").With("general.quantization_version", GgufValue.Of(QuantizationVersion));
        var fileType = !target.IsCopy ? GgufValue.Of((uint)target.FileType) : metadata.TryGet("general.file_type", out var own) ? own : null;
        return fileType is null ? result : result.Without("general.file_type").With("general.file_type", fileType);
    }

    private static void Check(GgufFile model, QuantizationTarget target, ModelQuantizerOptions options, TensorTypeChooser chooser, WeightTensor tensor, TensorType type)
    {
        if (type == tensor.Type)
        {
            return;
        }

        var importance = options.Importance?.GetValueOrDefault(tensor.Name);
        if (importance is null && (chooser.NeedsImportance(tensor.Name, type) || BlockFormat.Get(type).NeedsImportance))
        {
            throw new AbiException($"{target.Name} makes '{tensor.Name}' {type}, which is of no use without importance weights; give them, or choose a larger type such as IQ3_S or Q3_K_M.");
        }

        if (importance is not null && importance.Length != tensor.Columns * ExpertsOf(tensor))
        {
            throw new AbiException($"There are {importance.Length} importance weights for '{tensor.Name}', which needs {tensor.Columns * ExpertsOf(tensor)}: they belong to another model.");
        }

        if (tensor.Format.IsIntegerData)
        {
            throw new ModelFormatException($"'{tensor.Name}' holds {tensor.Type}, which cannot be quantised", model.Path);
        }

        if (tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16) && !options.AllowRequantize)
        {
            throw new AbiException($"'{tensor.Name}' is {tensor.Type} already. Quantise the original model, or allow quantising again, which loses more.") { Remedy = nameof(ModelQuantizerOptions.AllowRequantize) };
        }
    }

    private static long ExpertsOf(WeightTensor tensor) => tensor.Shape.Length > 2 ? tensor.Shape[2] : 1;

    private static void Copy(WeightTensor tensor, Stream stream, CancellationToken cancellationToken)
    {
        var step = (int)Math.Clamp((1 << 20) / Math.Max(1, tensor.RowByteLength), 1, tensor.Rows);
        for (long row = 0; row < tensor.Rows; row += step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            stream.Write(tensor.RowBytes(row, (int)Math.Min(step, tensor.Rows - row)));
        }
    }

    private static void Convert(WeightTensor tensor, BlockFormat format, ModelQuantizerOptions options, string? path, Stream stream, Action<long> report, CancellationToken cancellationToken)
    {
        var columns = checked((int)tensor.Columns);
        var rowBytes = checked((int)format.RowBytes(columns));
        var rowsPerSlab = (int)Math.Clamp(SlabElements / columns, 1, tensor.Rows);
        var rowsPerChunk = Math.Max(1, ChunkElements / columns);
        var importance = options.Importance?.GetValueOrDefault(tensor.Name);
        var rowsPerExpert = tensor.Rows / ExpertsOf(tensor);
        var buffer = ArrayPool<byte>.Shared.Rent(checked(rowsPerSlab * rowBytes));
        var parallel = new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = options.Threads > 0 ? options.Threads : Environment.ProcessorCount };
        try
        {
            for (long first = 0; first < tensor.Rows; first += rowsPerSlab)
            {
                var (start, rows) = (first, (int)Math.Min(rowsPerSlab, tensor.Rows - first));
                Parallel.For(0, (rows + rowsPerChunk - 1) / rowsPerChunk, parallel, chunk =>
                {
                    var values = ArrayPool<float>.Shared.Rent(columns);
                    try
                    {
                        var row = values.AsSpan(0, columns);
                        for (var r = chunk * rowsPerChunk; r < Math.Min(rows, (chunk + 1) * rowsPerChunk); r++)
                        {
                            tensor.DecodeRow(start + r, row);
                            if (!TensorPrimitives.IsFiniteAll(row))
                            {
                                throw new ModelFormatException($"Row {start + r} of '{tensor.Name}' holds numbers that are not finite, which no block format can hold", path);
                            }

                            var weights = importance is null ? default : importance.AsSpan((int)((start + r) / rowsPerExpert) * columns, columns);
                            format.Encode(row, weights, buffer.AsSpan(r * rowBytes, rowBytes));
                        }
                    }
                    finally
                    {
                        ArrayPool<float>.Shared.Return(values);
                    }
                });
                stream.Write(buffer, 0, rows * rowBytes);
                report((start + rows) * columns);
            }
        }
        catch (AggregateException e) when (e.InnerExceptions.Count > 0 && e.InnerExceptions[0] is AbiException first)
        {
            ExceptionDispatchInfo.Throw(first);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
