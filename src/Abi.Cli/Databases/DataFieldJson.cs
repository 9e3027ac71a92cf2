using System.Globalization;
using System.Text.Json.Serialization;
using Abi.Cli.CommandLine;
using Abi.Database;

namespace Abi.Cli.Databases;

/// <summary>A data field in JSON, and as <c>--field NAME:KIND[,indexed][,text][,boost=N][,stemming=english]</c>.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record DataFieldJson(string Name, string Kind, bool Indexed = false, bool Text = false, double Boost = 1, string? Stemming = null)
{
    /// <summary>The field.</summary>
    /// <exception cref="UsageException">There is no such kind.</exception>
    public DataField ToField() => Enum.TryParse<DataKind>(Kind, ignoreCase: true, out var kind) && !char.IsAsciiDigit(Kind[0])
        ? new DataField(Name, kind) { IsIndexed = Indexed, IsFullTextIndexed = Text, Boost = Boost == 0 ? 1 : Boost, Stemming = Stem() }
        : throw new UsageException($"The field '{Name}' has the kind '{Kind}'; it must be one of: {string.Join(", ", Enum.GetNames<DataKind>().Select(name => name.ToLowerInvariant()))}.");

    /// <summary>Reads a field from the command line.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static DataFieldJson Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        var parts = colon <= 0 ? throw new FormatException() : text[(colon + 1)..].Split(',');
        var field = new DataFieldJson(text[..colon], parts[0]);
        foreach (var part in parts.Skip(1))
        {
            field = part switch
            {
                "indexed" => field with { Indexed = true },
                "text" => field with { Text = true },
                _ when part.StartsWith("stemming=", StringComparison.Ordinal) => field with { Stemming = part["stemming=".Length..] },
                _ when part.StartsWith("boost=", StringComparison.Ordinal) => field with { Boost = double.Parse(part["boost=".Length..], NumberStyles.Float, CultureInfo.InvariantCulture) },
                _ => throw new FormatException(),
            };
        }

        return field;
    }

    private Stemming Stem() => Stemming is null ? Abi.Database.Stemming.None
        : Enum.TryParse<Stemming>(Stemming, ignoreCase: true, out var stemming) && !char.IsAsciiDigit(Stemming[0]) ? stemming
        : throw new UsageException($"The field '{Name}' has the stemming '{Stemming}'; it must be one of: {string.Join(", ", Enum.GetNames<Stemming>().Select(name => name.ToLowerInvariant()))}.");
}
