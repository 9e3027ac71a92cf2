using Abi.Llm.Gguf;

namespace Abi.Llm;

/// <summary>Reads a mapped file through, so that its pages are in memory before they are needed.</summary>
internal static class WeightPrefetch
{
    private const int Page = 4096;
    private static int _sink;

    public static void Run(GgufFile file, IProgress<ModelLoadProgress>? progress, CancellationToken cancellationToken)
    {
        var total = Math.Max(1, file.Tensors.Sum(tensor => tensor.ByteLength));
        long done = 0;
        var touched = 0;
        foreach (var tensor in file.Tensors)
        {
            var rows = (int)Math.Clamp((1 << 20) / Math.Max(1, tensor.RowByteLength), 1, 1 << 20);
            for (long row = 0; row < tensor.Rows; row += rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var bytes = tensor.RowBytes(row, (int)Math.Min(rows, tensor.Rows - row));
                for (var i = 0; i < bytes.Length; i += Page)
                {
                    touched += bytes[i];
                }

                done += bytes.Length;
                progress?.Report(new ModelLoadProgress(ModelLoadStage.Weights, 0.05 + (0.85 * done / total)));
            }
        }

        Volatile.Write(ref _sink, touched); // so that the reads are not optimised away
    }
}
