using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Abi.Database;

/// <summary>
/// Records as JSON objects: the key and the fields by their names. Dates are written in ISO 8601, GUIDs as texts, vectors as arrays of numbers (binary ones as base64), numbers that JSON does not
/// have as the texts <c>NaN</c>, <c>Infinity</c>, <c>-Infinity</c>. What is missing is left out, and so may be null.
/// </summary>
public static class RecordJson
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 8 };

    /// <summary>Reads a record.</summary>
    /// <param name="json">A JSON object.</param>
    /// <param name="definition">What the record is to be made of.</param>
    /// <exception cref="FormatException">It is no such object; the message names the field.</exception>
    public static Dictionary<string, object?> Parse(string json, CollectionDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(definition);
        try
        {
            using var document = JsonDocument.Parse(json, Reading);
            return Read(document.RootElement, definition);
        }
        catch (JsonException error)
        {
            var place = error.LineNumber is > 0 and var line ? $"line {line + 1}, byte {error.BytePositionInLine + 1}" : $"byte {error.BytePositionInLine + 1}";
            throw new FormatException($"this is no JSON at {place}: {error.Message.Split(" LineNumber:")[0]}", error);
        }
        catch (InvalidOperationException error)
        {
            throw new FormatException($"a text is no Unicode, which half of a surrogate pair makes it (\\ud800 to \\udfff alone): {error.Message}", error);
        }
    }

    /// <summary>Reads a key.</summary>
    /// <param name="text">A text, a number or a GUID, as the collection's keys are.</param>
    /// <param name="kind">The kind of the keys.</param>
    /// <exception cref="FormatException">It is no such key.</exception>
    public static object ParseKey(string text, KeyKind kind)
    {
        ArgumentNullException.ThrowIfNull(text);
        return kind switch
        {
            KeyKind.Text => text,
            KeyKind.Guid when Guid.TryParse(text, out var guid) => guid,
            KeyKind.Integer when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
            _ => throw new FormatException($"the key '{text}' is no {kind}."),
        };
    }

    /// <summary>Writes a record on one line.</summary>
    /// <param name="record">The record.</param>
    /// <param name="definition">What it is made of.</param>
    /// <param name="includeVectors">Whether with its vectors.</param>
    public static string Format(IReadOnlyDictionary<string, object?> record, CollectionDefinition definition, bool includeVectors = true)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Writing))
        {
            Write(writer, record, definition, includeVectors);
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>Writes a record.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="record">The record.</param>
    /// <param name="definition">What it is made of.</param>
    /// <param name="includeVectors">Whether with its vectors.</param>
    public static void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, object?> record, CollectionDefinition definition, bool includeVectors = true)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(definition);
        writer.WriteStartObject();
        WriteKey(writer, definition.KeyName, record.GetValueOrDefault(definition.KeyName));
        foreach (var field in definition.Data)
        {
            if (record.GetValueOrDefault(field.Name) is { } value)
            {
                writer.WritePropertyName(field.Name);
                WriteValue(writer, value);
            }
        }

        foreach (var field in includeVectors ? definition.Vectors : [])
        {
            if (record.GetValueOrDefault(field.Name) is { } value)
            {
                writer.WritePropertyName(field.Name);
                WriteValue(writer, value);
            }
        }

        writer.WriteEndObject();
    }

    internal static void WriteKey(Utf8JsonWriter writer, string? name, object? key)
    {
        if (name is not null)
        {
            writer.WritePropertyName(name);
        }

        WriteValue(writer, key);
    }

    internal static Dictionary<string, object?> Read(JsonElement json, CollectionDefinition definition)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"a record is a JSON object; this is {json.ValueKind}.");
        }

        var record = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var property in json.EnumerateObject())
        {
            var value = property.Value;
            if (!record.TryAdd(property.Name, null))
            {
                throw new FormatException($"the field '{property.Name}' stands twice.");
            }

            if (property.Name == definition.KeyName)
            {
                record[property.Name] = ReadKey(value, definition.Key);
            }
            else if (definition.Data.FirstOrDefault(field => field.Name == property.Name) is { } data)
            {
                record[property.Name] = value.ValueKind == JsonValueKind.Null ? null : ReadValue(value, data);
            }
            else if (definition.Vectors.FirstOrDefault(field => field.Name == property.Name) is { } vector)
            {
                record[property.Name] = value.ValueKind == JsonValueKind.Null ? null : ReadVector(value, vector);
            }
            else
            {
                throw new FormatException($"there is no field '{property.Name}'. There are: {string.Join(", ", definition.Data.Select(field => field.Name).Concat(definition.Vectors.Select(field => field.Name)).Prepend(definition.KeyName))}.");
            }
        }

        return record.GetValueOrDefault(definition.KeyName) is not null ? record : throw new FormatException($"the record has no key ('{definition.KeyName}').");
    }

    internal static object ReadKey(JsonElement value, KeyKind kind) => (kind, value.ValueKind) switch
    {
        (KeyKind.Text, JsonValueKind.String) => value.GetString()!,
        (KeyKind.Guid, JsonValueKind.String) when value.TryGetGuid(out var guid) => guid,
        (KeyKind.Integer, JsonValueKind.Number) when value.TryGetInt64(out var number) => number,
        _ => throw new FormatException($"the key is {Shown(value)}; its kind is {kind}."),
    };

    private static object ReadValue(JsonElement value, DataField field)
    {
        return field.Kind switch
        {
            DataKind.Boolean when value.ValueKind is JsonValueKind.True or JsonValueKind.False => value.GetBoolean(),
            DataKind.Integer when value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var integer) => integer,
            DataKind.Number when Number(value) is { } number => number,
            DataKind.Text when value.ValueKind == JsonValueKind.String => value.GetString()!,
            DataKind.Date when value.ValueKind == JsonValueKind.String && DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) => date,
            DataKind.IntegerArray when value.ValueKind == JsonValueKind.Array => Array(value, element => element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out var integer) ? integer : (long?)null) ?? throw Wrong(),
            DataKind.NumberArray when value.ValueKind == JsonValueKind.Array => Array(value, Number) ?? throw Wrong(),
            DataKind.TextArray when value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(element => element.ValueKind == JsonValueKind.String) => value.EnumerateArray().Select(element => element.GetString()!).ToArray(),
            _ => throw Wrong(),
        };

        FormatException Wrong() => new($"the field '{field.Name}' is {Shown(value)}; {field.Kind} was expected.");
    }

    private static object ReadVector(JsonElement value, VectorField field)
    {
        var length = value.ValueKind == JsonValueKind.Array ? value.GetArrayLength() : 0;
        if (field.Element == VectorElement.Binary)
        {
            return value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bits) ? bits : throw new FormatException($"the vector '{field.Name}' is {Shown(value)}; its bits in base64 were expected.");
        }

        if (length != field.Dimensions)
        {
            throw new FormatException($"the vector '{field.Name}' is {(length > 0 ? $"an array of {length} elements" : Shown(value))}; an array of {field.Dimensions} numbers was expected.");
        }

        if (field.Element == VectorElement.Int8)
        {
            return Array(value, element => element.ValueKind == JsonValueKind.Number && element.TryGetSByte(out var number) ? number : (sbyte?)null)
                ?? throw new FormatException($"the vector '{field.Name}' has an element that is no whole number from -128 to 127.");
        }

        return Array(value, element => element.ValueKind == JsonValueKind.Number && element.TryGetSingle(out var number) ? number : (float?)null)
            ?? throw new FormatException($"the vector '{field.Name}' has an element that is no number.");
    }

    private static double? Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDouble(out var number) => number,
        JsonValueKind.String => value.GetString() switch { "NaN" => double.NaN, "Infinity" => double.PositiveInfinity, "-Infinity" => double.NegativeInfinity, _ => null },
        _ => null,
    };

    private static T[]? Array<T>(JsonElement value, Func<JsonElement, T?> read)
        where T : struct
    {
        var values = new T[value.GetArrayLength()];
        var i = 0;
        foreach (var element in value.EnumerateArray())
        {
            if (read(element) is not { } number)
            {
                return null;
            }

            values[i++] = number;
        }

        return values;
    }

    private static void WriteValue(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case bool boolean: writer.WriteBooleanValue(boolean); break;
            case long or int or short or byte or sbyte or ushort or uint: writer.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture)); break;
            case double number when double.IsFinite(number): writer.WriteNumberValue(number); break;
            case double number: writer.WriteStringValue(number.ToString(CultureInfo.InvariantCulture)); break;
            case float number: writer.WriteNumberValue(number); break;
            case Half number: writer.WriteNumberValue((float)number); break;
            case string text: writer.WriteStringValue(text); break;
            case Guid guid: writer.WriteStringValue(guid); break;
            case DateTimeOffset date: writer.WriteStringValue(date); break;
            case ReadOnlyMemory<float> vector: WriteArray(writer, vector.ToArray()); break;
            case ReadOnlyMemory<Half> vector: WriteArray(writer, vector.ToArray()); break;
            case ReadOnlyMemory<sbyte> vector: WriteArray(writer, vector.ToArray()); break;
            case ReadOnlyMemory<byte> vector: writer.WriteBase64StringValue(vector.Span); break;
            case byte[] bits: writer.WriteBase64StringValue(bits); break;
            case System.Collections.IEnumerable values: WriteArray(writer, values); break;
            default: throw new ArgumentException($"A {value.GetType().Name} has no form in JSON.");
        }
    }

    private static void WriteArray(Utf8JsonWriter writer, System.Collections.IEnumerable values)
    {
        writer.WriteStartArray();
        foreach (var value in values)
        {
            WriteValue(writer, value);
        }

        writer.WriteEndArray();
    }

    private static string Shown(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? value.ValueKind.ToString() : value.GetRawText() is { Length: > 40 } raw ? raw[..40] + "…" : value.GetRawText();
}
