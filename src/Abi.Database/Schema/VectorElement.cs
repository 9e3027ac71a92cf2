namespace Abi.Database;

/// <summary>How the elements of a vector are stored.</summary>
public enum VectorElement
{
    /// <summary>Four bytes an element; vectors are <see cref="ReadOnlyMemory{T}"/> of <see cref="float"/>.</summary>
    Float32,

    /// <summary>Two bytes an element; vectors are <see cref="ReadOnlyMemory{T}"/> of <see cref="Half"/>, or of <see cref="float"/>, which are rounded.</summary>
    Float16,

    /// <summary>One byte an element; vectors are <see cref="ReadOnlyMemory{T}"/> of <see cref="sbyte"/>.</summary>
    Int8,

    /// <summary>One bit an element; vectors are <see cref="ReadOnlyMemory{T}"/> of <see cref="byte"/>, the lowest bit first.</summary>
    Binary,
}
