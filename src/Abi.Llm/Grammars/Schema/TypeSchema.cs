using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Abi.Llm.Grammars.Schema;

/// <summary>
/// The schema of a .NET type, of which every instance can be read: the exporter's, with what it leaves out, such as the bounds of numbers, the values of enumerations, and the names that keys of dictionaries
/// can be read from.
/// </summary>
internal static class TypeSchema
{
    private const string Time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";

    private static readonly JsonSchemaExporterOptions ExporterOptions = new() { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Transform };

    public static JsonNode Of(JsonTypeInfo typeInfo) => typeInfo.GetJsonSchemaAsNode(ExporterOptions);

    private static JsonNode Transform(JsonSchemaExporterContext context, JsonNode node)
    {
        var type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        if (IsUnreadable(type, context.PropertyInfo?.CustomConverter ?? context.TypeInfo.Converter))
        {
            if (context.PropertyInfo is { Set: null, AssociatedParameter: null })
            {
                return new JsonObject { ["type"] = "null" }; // it is not read
            }

            throw new GrammarException($"No JSON can be read as {type}{Place(context)}. {(type.IsArray ? "Generate an array of arrays instead." : "Generate what it stands for, such as a name, as a text or a number.")} A converter of one's own makes it readable, too.");
        }

        if (node is not JsonObject schema)
        {
            return node;
        }

        if (type.IsAbstract && context.TypeInfo is { Kind: JsonTypeInfoKind.Object, PolymorphismOptions: null })
        {
            throw new GrammarException($"No JSON can be read as {type.Name}, which is {(type.IsInterface ? "an interface" : "abstract")}. Name the types that it may be with [JsonDerivedType], or generate one of them.");
        }

        if (type.IsEnum)
        {
            Enumeration(schema, type, context.TypeInfo);
        }
        else if (type == typeof(double) || Range(type) is not null)
        {
            Number(schema, Range(type));
        }
        else if (TextPattern(type) is { } pattern)
        {
            schema["pattern"] = pattern;
            if (type == typeof(TimeOnly))
            {
                schema.Remove("format"); // which wants an offset
            }
        }
        else if (type == typeof(Guid))
        {
            schema["format"] = "uuid";
        }
        else if (context.TypeInfo is { Kind: JsonTypeInfoKind.Dictionary, KeyType: { } key } && key != typeof(string) && Keys(key, context.TypeInfo.Options) is { } names)
        {
            schema["propertyNames"] = names;
        }

        return schema;
    }

    /// <summary>Whether System.Text.Json refuses the type whatever the JSON is: the schema, which would allow anything, does not say so.</summary>
    private static bool IsUnreadable(Type type, JsonConverter converter) =>
        converter.GetType().Assembly == typeof(JsonSerializer).Assembly
        && ((type.IsArray && type.GetArrayRank() > 1) || type == typeof(nint) || type == typeof(nuint) || typeof(MemberInfo).IsAssignableFrom(type) || typeof(Delegate).IsAssignableFrom(type));

    /// <summary>Where in the type it stands, when it is not all of it.</summary>
    private static string Place(JsonSchemaExporterContext context) => context.PropertyInfo is { } property ? $" (the property '{property.Name}' of {property.DeclaringType.Name})" : string.Empty;

    private static (decimal Least, decimal Most)? Range(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.SByte => (sbyte.MinValue, sbyte.MaxValue),
        TypeCode.Byte => (byte.MinValue, byte.MaxValue),
        TypeCode.Int16 => (short.MinValue, short.MaxValue),
        TypeCode.UInt16 => (ushort.MinValue, ushort.MaxValue),
        TypeCode.Int32 => (int.MinValue, int.MaxValue),
        TypeCode.UInt32 => (uint.MinValue, uint.MaxValue),
        TypeCode.Int64 => (long.MinValue, long.MaxValue),
        TypeCode.UInt64 => (ulong.MinValue, ulong.MaxValue),
        TypeCode.Decimal => (-1e20m, 1e20m), // exact decimals have no exponents of any size
        TypeCode.Single => (-1e27m, 1e27m),
        _ when type == typeof(Half) => (-65504, 65504),
        _ when type == typeof(Int128) => (decimal.MinValue, decimal.MaxValue),
        _ when type == typeof(UInt128) => (0, decimal.MaxValue),
        _ => null,
    };

    private static string? TextPattern(Type type) =>
        type == typeof(DateOnly) ? "^[1-9]" // there is no year 0
        : type == typeof(char) ? "^[\\u0000-\\uD7FF\\uE000-\\uFFFF]$"
        : type == typeof(TimeSpan) ? $"^-?([0-9]{{1,6}}\\.)?{Time}(\\.[0-9]{{1,7}})?$"
        : type == typeof(TimeOnly) ? $"^{Time}(\\.[0-9]{{1,7}})?$"
        : type == typeof(DateTime) || type == typeof(DateTimeOffset) ? "^(?:19|20).*(?:Z|[+-]0[0-9]:[0-5][0-9])$" // years and offsets that the types hold
        : type == typeof(Version) ? "^[0-9]{1,6}(\\.[0-9]{1,6}){1,3}$"
        : type == typeof(byte[]) || type == typeof(Memory<byte>) || type == typeof(ReadOnlyMemory<byte>) ? "^(?:[A-Za-z0-9+/]{4})*$"
        : null;

    /// <summary>A number is never written as a text, also where that may be read: the text of a number has no bounds.</summary>
    private static void Number(JsonObject schema, (decimal Least, decimal Most)? range)
    {
        if (schema["type"] is JsonArray types && types.FirstOrDefault(item => item?.GetValue<string>() == "string") is { } text)
        {
            types.Remove(text);
            schema.Remove("pattern");
        }

        if (range is var (least, most))
        {
            schema["minimum"] ??= least;
            schema["maximum"] ??= most;
        }
    }

    private static void Enumeration(JsonObject schema, Type type, JsonTypeInfo typeInfo)
    {
        if (schema.ContainsKey("enum"))
        {
            return;
        }

        var isNullable = schema["type"] is JsonArray;
        var isText = (schema["type"] as JsonArray ?? [schema["type"]?.DeepClone()]).Any(item => item?.GetValue<string>() == "string");
        JsonNode?[] values = [.. Enum.GetValuesAsUnderlyingType(type).Cast<object>().Select(value => JsonSerializer.SerializeToNode(Enum.ToObject(type, value), typeInfo))];
        if (isText)
        {
            var name = $"({string.Join('|', values.Select(value => Regex.Escape(value!.GetValue<string>())))})";
            schema["pattern"] = $"^{name}(, {name})*$"; // flags
        }
        else if (type.IsDefined(typeof(FlagsAttribute), inherit: false))
        {
            Number(schema, Range(Enum.GetUnderlyingType(type)));
        }
        else
        {
            schema["enum"] = new JsonArray([.. values, .. isNullable ? [null] : Array.Empty<JsonNode?>()]);
        }
    }

    /// <summary>The names of properties that keys are read from; null when every name is one.</summary>
    private static JsonObject? Keys(Type type, JsonSerializerOptions options)
    {
        if (type == typeof(bool))
        {
            return new JsonObject { ["enum"] = new JsonArray("true", "false") };
        }

        if (!type.IsEnum && (type == typeof(double) ? (-1e16m, 1e16m) : Range(type)) is var (least, most))
        {
            var digits = Math.Min((int)Math.Log10((double)most), 16); // so many of any kind are in range
            var fraction = Type.GetTypeCode(type) is TypeCode.Single or TypeCode.Double or TypeCode.Decimal || type == typeof(Half) ? "(\\.[0-9]{1,6})?" : null;
            return new JsonObject { ["pattern"] = string.Create(CultureInfo.InvariantCulture, $"^{(least < 0 ? "-?" : null)}(0|[1-9][0-9]{{0,{digits - 1}}}){fraction}$") };
        }

        var schema = Of(options.GetTypeInfo(type)) as JsonObject;
        return type.IsEnum && schema?["pattern"] is null && schema?["enum"]?[0]?.GetValueKind() != JsonValueKind.String
            ? new JsonObject { ["enum"] = new JsonArray([.. Enum.GetNames(type).Select(name => (JsonNode)name)]) } // enumerations that are written as numbers are keys by name
            : schema;
    }
}
