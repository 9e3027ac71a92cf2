using System.Diagnostics.CodeAnalysis;

namespace Abi.Compute.Formats;

/// <summary>The face of a format for code that learns the format from a file: sizes, decoder and encoder behind one object.</summary>
/// <remarks>Immutable and thread-safe. Kernels are generic over <see cref="IBlockFormat"/> instead.</remarks>
public abstract class BlockFormat
{
    private static readonly Dictionary<TensorType, BlockFormat> Known = BlockFormatTable.Create().ToDictionary(format => format.Type);

    private protected BlockFormat(TensorType type, int blockLength, int blockBytes, bool isIntegerData)
    {
        Type = type;
        BlockLength = blockLength;
        BlockBytes = blockBytes;
        IsIntegerData = isIntegerData;
    }

    /// <summary>Every format, in the order of its number.</summary>
    public static IReadOnlyList<BlockFormat> All { get; } = [.. Known.Values.OrderBy(format => format.Type)];

    /// <summary>The number of the format in GGUF files.</summary>
    public TensorType Type { get; }

    /// <summary>The format's name as ggml prints it, in upper case (<c>Q4_0</c>).</summary>
    public string Name => Type.ToString();

    /// <summary>How many elements one block holds.</summary>
    public int BlockLength { get; }

    /// <summary>How many bytes one block takes.</summary>
    public int BlockBytes { get; }

    /// <summary>Whether the format holds plain integers or doubles (I8 to I64, F64), which are carried, never computed with.</summary>
    public bool IsIntegerData { get; }

    /// <summary>Whether <see cref="Encode"/> works.</summary>
    public abstract bool CanEncode { get; }

    /// <summary>Whether <see cref="Encode"/> refuses to work without importance weights.</summary>
    public abstract bool NeedsImportance { get; }

    /// <summary>The format with this number.</summary>
    public static bool TryGet(TensorType type, [NotNullWhen(true)] out BlockFormat? format) => Known.TryGetValue(type, out format);

    /// <summary>The format with this number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such format.</exception>
    public static BlockFormat Get(TensorType type) =>
        Known.TryGetValue(type, out var format) ? format : throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown tensor type.");

    /// <summary>The bytes of a row of <paramref name="columns"/> elements.</summary>
    /// <exception cref="ArgumentException">The row does not consist of whole blocks.</exception>
    public long RowBytes(long columns) => columns % BlockLength == 0
        ? checked(columns / BlockLength * BlockBytes)
        : throw new ArgumentException($"A row of {columns} elements is not a whole number of {Name} blocks of {BlockLength}.", nameof(columns));

    /// <summary>Decodes whole blocks: <paramref name="values"/> is [blocks × <see cref="BlockLength"/>], bit for bit what ggml gives.</summary>
    /// <exception cref="ArgumentException">The spans do not fit each other or are not whole blocks.</exception>
    public abstract void Decode(ReadOnlySpan<byte> blocks, Span<float> values);

    /// <summary>Encodes one row of whole blocks.</summary>
    /// <param name="values">One row, [columns].</param>
    /// <param name="importance">A weight for each column, [columns], or empty.</param>
    /// <param name="blocks">Receives exactly the blocks of the row.</param>
    /// <exception cref="NotSupportedException">The format cannot be encoded to, or needs importance weights that were not given.</exception>
    public abstract void Encode(ReadOnlySpan<float> values, ReadOnlySpan<float> importance, Span<byte> blocks);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
