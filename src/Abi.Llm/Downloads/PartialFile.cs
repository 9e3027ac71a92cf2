using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Abi.Llm.Downloads;

/// <summary>A download that is not whole yet: its bytes beside the target, and a note of what they belong to.</summary>
internal sealed class PartialFile(string target) : IDisposable
{
    private readonly string _notePath = $"{target}.partial.json";
    private readonly string _lockPath = $"{target}.partial.lock";
    private FileStream? _held;

    /// <summary>The file with the bytes.</summary>
    public string Path { get; } = $"{target}.partial";

    /// <summary>Called when what keeps others off has been opened; tests let others come and go here.</summary>
    internal Action? Opened { get; init; }

    /// <summary>Takes the bytes for this download alone, until it is disposed: others, also in other processes, would write between them, throw them away or give them the target's name too soon.</summary>
    /// <exception cref="IOException">Another download has them.</exception>
    public void Hold()
    {
        while (_held is null)
        {
            var held = new FileStream(_lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None, bufferSize: 1);
            Opened?.Invoke();

            // A download that ended after it was opened has deleted it, and another may have made a new one since: it is that of the name only if a length given to it is the name's.
            held.SetLength(RandomNumberGenerator.GetInt32(1, 1 << 20));
            if (new FileInfo(_lockPath) is { Exists: true } named && named.Length == held.Length)
            {
                _held = held;
            }
            else
            {
                held.Dispose();
            }
        }
    }

    /// <summary>The bytes that are there and can be gone on from; 0 when they may belong to another file: nothing but a digest, a tag or a time of change tells that one address still has the same.</summary>
    public long ResumeLength(Uri url, long? length, string? sha256, string? validator)
    {
        if (!File.Exists(Path) || Read() is not { } note)
        {
            return 0;
        }

        var isSame = sha256 is not null && note.Sha256 is not null ? sha256 == note.Sha256
            : validator is not null && validator == note.Validator && Uri.TryCreate(note.Url, UriKind.Absolute, out var noted) && HttpSource.Describe(noted) == HttpSource.Describe(url);
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

    /// <summary>Lets others have the bytes.</summary>
    public void Dispose()
    {
        if (_held is { } held)
        {
            _held = null;
            try
            {
                File.Delete(_lockPath); // before it is let go of: afterwards it may be another's
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // left behind, it keeps nobody off
            }

            held.Dispose();
        }
    }
}
