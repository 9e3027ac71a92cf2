namespace Abi.Database;

/// <summary>The property is a data field: a bool, number, string, date, enumeration, or an array or list of whole numbers, numbers or strings.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RecordDataAttribute : Attribute
{
    /// <summary>The field's name; unset, the property's.</summary>
    public string? Name { get; set; }

    /// <summary>Whether filters may use it.</summary>
    public bool IsIndexed { get; set; }

    /// <summary>Whether its words can be searched.</summary>
    public bool IsFullTextIndexed { get; set; }

    /// <summary>What a word found in this field counts in text searches.</summary>
    public double Boost { get; set; } = 1;

    /// <summary>How words are reduced to stems.</summary>
    public Stemming Stemming { get; set; }
}
