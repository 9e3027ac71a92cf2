using System.Buffers;
using System.Text.Json;

namespace Abi.Llm.Downloads;

/// <summary>A download that is not whole yet: its bytes beside the target, and a note of what they belong to.</summary>
internal sealed class PartialFile(string target)
{
    private readonly string _notePath = $"{target}.partial.json";

    /// <summary>The file with the bytes.</summary>
    public string Path { get; } = $"{target}.partial";

    /// <summary>The bytes that are there and can be gone on from; 0 when they belong to another file or nothing is known of them.</summary>
    public long ResumeLength(Uri url, long? length, string? sha256, string? validator)
    {
        if (!File.Exists(Path) || Read() is not { } note)
        {
            return 0;
        }

        var isSame = sha256 is not null && note.Sha256 is not null ? sha256 == note.Sha256
            : validator is not null && note.Validator is not null ? validator == note.Validator
            : note.Url == url.ToString();
        var there = new FileInfo(Path).Length;
        return isSame && (length is null || note.Length is null || length == note.Length) && there <= (length ?? long.MaxValue) ? there : 0;
    }

    /// <summary>What was noted when the download began, or null.</summary>
    public (string? Url, long? Length, string? Sha256, string? Validator)? Read()
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(_notePath));
            var root = json.RootElement;
            return (Text("url"), root.TryGetProperty("length", out var length) && length.TryGetInt64(out var value) ? value : null, Text("sha256"), Text("validator"));
            string? Text(string name) => root.TryGetProperty(name, out var property) && property.ValueKind == JsonValueKind.String ? property.GetString() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return null; // no note, or a broken one: begin anew
        }
    }

    /// <summary>Notes what the bytes belong to.</summary>
    public void Write(Uri url, long? length, string? sha256, string? validator)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("url", url.ToString());
            if (length is { } number)
            {
                json.WriteNumber("length", number);
            }

            json.WriteString("sha256", sha256);
            json.WriteString("validator", validator);
            json.WriteEndObject();
        }

        File.WriteAllBytes(_notePath, buffer.WrittenSpan);
    }

    /// <summary>Forgets bytes and note.</summary>
    public void Delete()
    {
        File.Delete(Path);
        File.Delete(_notePath);
    }

    /// <summary>Makes the bytes the target, at once and whole.</summary>
    public void Commit()
    {
        File.Move(Path, target, overwrite: true);
        File.Delete(_notePath);
    }
}
