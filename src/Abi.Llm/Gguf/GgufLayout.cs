namespace Abi.Llm.Gguf;

/// <summary>The sizes and limits of the file format.</summary>
internal static class GgufLayout
{
    /// <summary>"GGUF", read as a little-endian number.</summary>
    public const uint Magic = 0x46554747;

    /// <summary>The alignment of tensor data when no key says otherwise.</summary>
    public const uint DefaultAlignment = 32;

    /// <summary>How deep arrays of arrays may nest.</summary>
    public const int MaximumNesting = 16;

    /// <summary>The bytes of a value of a fixed size; 0 for strings and arrays.</summary>
    public static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Boolean => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 => 8,
        _ => 0,
    };
}
