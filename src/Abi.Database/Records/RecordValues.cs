namespace Abi.Database.Records;

/// <summary>A record as stores keep it, in the order of the fields of its schema.</summary>
/// <param name="Key">A <see cref="string"/>, a <see cref="Guid"/> or a <see cref="long"/>.</param>
/// <param name="Data">
/// By data field, null or a <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, <see cref="DateTimeOffset"/>, or an array of <see cref="long"/>, <see cref="double"/> or
/// <see cref="string"/>.
/// </param>
/// <param name="Vectors">By vector field, its elements' bytes in the machine's order; empty for no vector. Empty altogether where vectors were not asked for.</param>
public sealed record RecordValues(object Key, object?[] Data, ReadOnlyMemory<byte>[] Vectors)
{
    /// <summary>The form in which a value, or an element of an array, is stored in a field of a kind; null when it does not fit.</summary>
    public static object? Convert(DataKind kind, object? value) => kind switch
    {
        DataKind.Boolean => value is bool ? value : null,
        DataKind.Integer or DataKind.IntegerArray => Rows.RecordCodec.AsInteger(value),
        DataKind.Number or DataKind.NumberArray => Rows.RecordCodec.AsNumber(value),
        DataKind.Date => Rows.RecordCodec.AsDate(value),
        _ => value as string,
    };
}
