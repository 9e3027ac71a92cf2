namespace Abi.Database;

/// <summary>The type of a collection's keys.</summary>
public enum KeyKind
{
    /// <summary>A <see cref="string"/>, compared byte by byte of its UTF-8 form.</summary>
    Text,

    /// <summary>A <see cref="System.Guid"/>.</summary>
    Guid,

    /// <summary>A whole number that fits a <see cref="long"/>.</summary>
    Integer,
}
