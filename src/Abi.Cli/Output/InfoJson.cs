using System.Text.Encodings.Web;
using System.Text.Json;
using Abi.Cli.Commands;
using Abi.Cli.Terminal;
using Abi.Llm.Gguf;

namespace Abi.Cli.Output;

/// <summary>Writes what <c>info</c> found as JSON; metadata values keep their types.</summary>
internal static class InfoJson
{
    private const int ShortArray = 64;

    /// <summary>Writes one object.</summary>
    public static void Write(CliConsole console, ModelInfo info, bool isFull)
    {
        console.Out.Flush();
        using (var json = new Utf8JsonWriter(console.Output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("path", info.Path);
            json.WriteNumber("version", info.File.Version);
            json.WriteNumber("size", info.File.ByteLength);
            json.WriteString("architecture", info.Architecture);
            json.WriteBoolean("supported", info.Definition is not null);
            if (info.Problem is { } problem)
            {
                json.WriteString("unsupported_reason", problem);
            }

            json.WriteNumber("parameters", info.Parameters);
            json.WriteNumber("vocabulary_size", info.VocabularySize);
            WriteShape(json, info);
            WriteTypes(json, info);
            json.WriteStartObject("metadata");
            foreach (var key in info.File.Metadata.Keys)
            {
                json.WritePropertyName(key);
                WriteValue(json, info.File.Metadata.Get(key), isFull);
            }

            json.WriteEndObject();
            WriteTensors(json, info);
            WritePlan(json, info);
            json.WriteEndObject();
        }

        console.Output.WriteByte((byte)'\n');
    }

    /// <summary>Writes one metadata value: numbers, strings, truth values and arrays as such. Long arrays, unless all is wanted, and arrays of arrays only by type and length.</summary>
    public static void WriteValue(Utf8JsonWriter json, GgufValue value, bool isFull)
    {
        switch (value.Type)
        {
            case GgufValueType.String: json.WriteStringValue(value.AsString()); break;
            case GgufValueType.Boolean: json.WriteBooleanValue(value.AsBoolean()); break;
            case GgufValueType.Float32: WriteNumber(json, (float)value.AsDouble()); break;
            case GgufValueType.Float64: WriteNumber(json, value.AsDouble()); break;
            case GgufValueType.UInt64: json.WriteRawValue(value.ToString()); break;
            case GgufValueType.Array: WriteArray(json, value, isFull); break;
            default: json.WriteNumberValue(value.AsInt64()); break;
        }
    }

    private static void WriteArray(Utf8JsonWriter json, GgufValue value, bool isFull)
    {
        if ((!isFull && value.Count > ShortArray) || Elements(value) is not { } elements)
        {
            json.WriteStartObject();
            json.WriteString("array", value.ElementType.ToString());
            json.WriteNumber("count", value.Count);
            json.WriteEndObject();
            return;
        }

        json.WriteStartArray();
        foreach (var write in elements)
        {
            write(json);
        }

        json.WriteEndArray();
    }

    /// <summary>How to write each element; null for arrays of arrays and of integers beyond 32 bits, whose elements cannot be had.</summary>
    private static IEnumerable<Action<Utf8JsonWriter>>? Elements(GgufValue value)
    {
        try
        {
            return value.ElementType switch
            {
                GgufValueType.String => value.AsStringArray().Select(text => (Action<Utf8JsonWriter>)(json => json.WriteStringValue(text))),
                GgufValueType.Float32 or GgufValueType.Float64 => value.AsSingleArray().Select(number => (Action<Utf8JsonWriter>)(json => WriteNumber(json, number))),
                GgufValueType.Boolean => value.AsInt32Array().Select(flag => (Action<Utf8JsonWriter>)(json => json.WriteBooleanValue(flag != 0))),
                _ => value.AsInt32Array().Select(number => (Action<Utf8JsonWriter>)(json => json.WriteNumberValue(number))),
            };
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, float number)
    {
        if (float.IsFinite(number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteStringValue(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, double number)
    {
        if (double.IsFinite(number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteStringValue(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    private static void WriteShape(Utf8JsonWriter json, ModelInfo info)
    {
        if (info.Definition is not { } definition)
        {
            return;
        }

        var numbers = definition.Hyperparameters;
        json.WriteString("kind", definition.Kind.ToString().ToLowerInvariant());
        json.WriteNumber("context_length", numbers.ContextLength);
        json.WriteNumber("embedding_length", numbers.EmbeddingLength);
        json.WriteNumber("block_count", numbers.BlockCount);
        if (info.Memory is { } memory)
        {
            json.WriteStartObject("memory");
            json.WriteNumber("context_length", memory.ContextLength);
            json.WriteNumber("weights", memory.Weights);
            json.WriteNumber("cache", memory.Cache);
            json.WriteNumber("recurrent", memory.Recurrent);
            json.WriteNumber("scratch", memory.Scratch);
            json.WriteNumber("total", memory.Total);
            json.WriteEndObject();
        }
    }

    private static void WriteTypes(Utf8JsonWriter json, ModelInfo info)
    {
        json.WriteStartObject("types");
        foreach (var (type, count, bytes) in info.Types)
        {
            json.WriteStartObject(type);
            json.WriteNumber("tensors", count);
            json.WriteNumber("bytes", bytes);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteTensors(Utf8JsonWriter json, ModelInfo info)
    {
        json.WriteStartArray("tensors");
        foreach (var tensor in info.File.Tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteString("type", tensor.Type.ToString());
            json.WriteStartArray("shape");
            foreach (var length in tensor.Shape)
            {
                json.WriteNumberValue(length);
            }

            json.WriteEndArray();
            json.WriteNumber("bytes", tensor.ByteLength);
            json.WriteNumber("offset", tensor.Offset);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WritePlan(Utf8JsonWriter json, ModelInfo info)
    {
        if (info.Plans.IsEmpty)
        {
            return;
        }

        json.WriteStartArray("plans");
        foreach (var plan in info.Plans)
        {
            json.WriteStartObject();
            json.WriteString("name", plan.Name);
            json.WriteString("device", plan.Device);
            json.WriteNumber("scratch", plan.ScratchBytes);
            WriteLines(json, "graph", plan.Graph);
            WriteLines(json, "stages", plan.Stages);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteLines(Utf8JsonWriter json, string name, IEnumerable<string> lines)
    {
        json.WriteStartArray(name);
        foreach (var line in lines)
        {
            json.WriteStringValue(line);
        }

        json.WriteEndArray();
    }
}
