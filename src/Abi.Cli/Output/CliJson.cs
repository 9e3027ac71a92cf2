using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Abi.Cli.Terminal;

namespace Abi.Cli.Output;

/// <summary>Writes results as JSON: made at build time, invariant culture, floats that read back to the same bits, text as it is.</summary>
[JsonSerializable(typeof(TokenizeResult))]
[JsonSerializable(typeof(TextResult))]
[JsonSerializable(typeof(LogitsResult))]
[JsonSerializable(typeof(GenerateResult))]
[JsonSerializable(typeof(EmbedResult))]
[JsonSerializable(typeof(PerplexityOutput))]
[JsonSerializable(typeof(ChatLine[]))]
[JsonSerializable(typeof(LoraResult))]
[JsonSerializable(typeof(QuantizeResult))]
[JsonSerializable(typeof(MakeModelResult))]
[JsonSerializable(typeof(ShapeResult[]))]
[JsonSerializable(typeof(BenchRow[]))]
[JsonSerializable(typeof(PullResult))]
[JsonSerializable(typeof(DoctorResult))]
[JsonSerializable(typeof(Databases.CollectionJson))]
[JsonSerializable(typeof(DatabaseWriteResult))]
[JsonSerializable(typeof(DatabaseInfoResult))]
[JsonSerializable(typeof(DatabaseStatsResult))]
[JsonSerializable(typeof(DatabaseVerifyResult))]
[JsonSerializable(typeof(DatabaseBackupResult))]
[JsonSerializable(typeof(DatabaseCompactResult))]
[JsonSerializable(typeof(DatabaseBenchRow[]))]
[JsonSerializable(typeof(string))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>The context in use: characters are not escaped more than JSON asks for.</summary>
    public static CliJson Results { get; } = new(new JsonSerializerOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    });

    /// <summary>Writes a value as one line.</summary>
    public static void WriteLine<T>(CliConsole console, T value, JsonTypeInfo<T> type)
    {
        console.Out.Flush();
        using (var writer = new Utf8JsonWriter(console.Output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        console.Output.WriteByte((byte)'\n');
    }
}
