namespace Abi.Llm.Gguf;

/// <summary>The types of metadata values, with the numbers of the GGUF specification.</summary>
public enum GgufValueType
{
#pragma warning disable CS1591 // the specification's own names
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Float32 = 6,
    Boolean = 7,
    String = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Float64 = 12,
#pragma warning restore CS1591
}
