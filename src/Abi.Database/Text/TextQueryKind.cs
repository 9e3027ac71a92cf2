namespace Abi.Database.Text;

/// <summary>What a <see cref="TextQuery"/> asks for.</summary>
public enum TextQueryKind
{
    /// <summary>Any of the words of a text.</summary>
    Words,

    /// <summary>The words of a text one behind another.</summary>
    Phrase,

    /// <summary>The same, the last word only by its beginning.</summary>
    Prefix,

    /// <summary>One of other queries at least.</summary>
    Any,

    /// <summary>All of other queries.</summary>
    All,

    /// <summary>The first of two queries, and not the second.</summary>
    Except,

    /// <summary>The first of two queries; where the second finds the same, its scores are added.</summary>
    Preferring,
}
