namespace Abi.Database;

/// <summary>The property is the record's key: a <see cref="string"/>, a <see cref="Guid"/> or a whole number.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RecordKeyAttribute : Attribute
{
    /// <summary>The field's name; unset, the property's.</summary>
    public string? Name { get; set; }
}
