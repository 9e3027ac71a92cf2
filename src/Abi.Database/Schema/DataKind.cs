namespace Abi.Database;

/// <summary>The type of a data field.</summary>
public enum DataKind
{
    /// <summary>A <see cref="bool"/>.</summary>
    Boolean,

    /// <summary>A <see cref="long"/>; every smaller whole number fits.</summary>
    Integer,

    /// <summary>A <see cref="double"/>.</summary>
    Number,

    /// <summary>A <see cref="string"/>.</summary>
    Text,

    /// <summary>A <see cref="DateTimeOffset"/>; a <see cref="DateTime"/> is stored with its offset (unspecified: UTC).</summary>
    Date,

    /// <summary>An array of <see cref="long"/>.</summary>
    IntegerArray,

    /// <summary>An array of <see cref="double"/>.</summary>
    NumberArray,

    /// <summary>An array of <see cref="string"/>.</summary>
    TextArray,
}
