using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Abi.Llm.Downloads;

/// <summary>Which model to download: a repository of Hugging Face and a type (<c>owner/repo:Q4_K_M</c>), or the address of a file.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed partial record ModelReference
{
    private ModelReference()
    {
    }

    /// <summary>The repository (<c>owner/repo</c>); null for an address.</summary>
    public string? Repository { get; private init; }

    /// <summary>The type (<c>Q4_K_M</c>) or the name of a file in the repository; null for the default.</summary>
    public string? Type { get; private init; }

    /// <summary>The branch, tag or commit of the repository.</summary>
    public string Revision { get; init; } = "main";

    /// <summary>The address of a file; null for a repository.</summary>
    public Uri? Url { get; private init; }

    /// <summary>Reads a reference.</summary>
    /// <param name="text"><c>owner/repo</c>, <c>owner/repo:TYPE</c>, <c>owner/repo:file.gguf</c>, or an address with http or https.</param>
    /// <exception cref="ArgumentException">It is none of these.</exception>
    public static ModelReference Parse(string text) => TryParse(text, out var reference)
        ? reference
        : throw new ArgumentException($"'{text}' is not a model to download: give owner/repo, owner/repo:TYPE, or an address that begins with http:// or https://.", nameof(text));

    /// <summary>Reads a reference.</summary>
    /// <param name="text">The text.</param>
    /// <param name="reference">What it means.</param>
    /// <returns>Whether it is a reference.</returns>
    public static bool TryParse(string text, [NotNullWhen(true)] out ModelReference? reference)
    {
        ArgumentNullException.ThrowIfNull(text);
        reference = null;
        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            // The page of a file is what people copy; the file itself is beside it.
            if (Uri.TryCreate(text.Replace("/blob/", "/resolve/", StringComparison.Ordinal), UriKind.Absolute, out var url) && FileNameOf(url).Length > 0)
            {
                reference = new ModelReference { Url = url };
            }
        }
        else if (Name().Match(text) is { Success: true } match)
        {
            reference = new ModelReference { Repository = match.Groups["repository"].Value, Type = match.Groups["type"] is { Success: true } type ? type.Value : null };
        }

        return reference is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => Url?.ToString() ?? (Type is null ? Repository! : $"{Repository}:{Type}");

    /// <summary>The last part of an address's path.</summary>
    internal static string FileNameOf(Uri url) => Uri.UnescapeDataString(url.AbsolutePath[(url.AbsolutePath.LastIndexOf('/') + 1)..]);

    [GeneratedRegex(@"^(?<repository>[A-Za-z0-9_][A-Za-z0-9_.\-]*/[A-Za-z0-9_][A-Za-z0-9_.\-]*)(:(?<type>[A-Za-z0-9_.\-/]+))?$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();
}
