using System.Security.Cryptography;
using System.Text;
using Abi.Compute.Devices;

namespace Abi.Llm.Sessions;

/// <summary>
/// Writes and reads saved sessions. Little-endian: the magic <c>ABISESSN</c>; the version; the model's fingerprint [32]; the kind of state (device-independent: format, precision,
/// page length); tokens, encoder tokens and sampler state, each behind its count; the cached count; for each group its length and, for each page, a byte that says whether it is
/// there and then the page; the recurrent state behind its length; SHA-256 of everything before [32].
/// </summary>
internal static class SessionFormat
{
    private const int Version = 1;
    private const int DigestBytes = 32;
    private const int MaximumSamplerState = 1 << 16;

    private static ReadOnlySpan<byte> Magic => "ABISESSN"u8;

    public static void Write(Stream stream, SessionSnapshot snapshot, SessionShape shape)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var hashing = new DigestStream(stream, digest);
        using (var writer = new BinaryWriter(hashing, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write(Version);
            writer.Write(shape.Fingerprint.Span);
            writer.Write(shape.StateKind);
            WriteIds(writer, snapshot.Tokens);
            WriteIds(writer, snapshot.EncoderTokens);
            writer.Write(snapshot.SamplerState?.Length ?? 0);
            writer.Write(snapshot.SamplerState ?? []);
            writer.Write(snapshot.Cached);
            writer.Write(snapshot.Groups.Length);
            foreach (var group in snapshot.Groups)
            {
                writer.Write(group.Length);
                foreach (var page in group.Pages)
                {
                    writer.Write(page is not null);
                    writer.Write(page ?? []);
                }
            }

            writer.Write(snapshot.Slot?.Length ?? 0);
            writer.Write(snapshot.Slot ?? []);
        }

        stream.Write(digest.GetHashAndReset());
    }

    /// <summary>Reads a session; nothing is sized by what the stream says beyond what the model itself allows.</summary>
    /// <exception cref="SessionFormatException">It is damaged, of another version or of another model.</exception>
    public static SessionSnapshot Read(Stream stream, SessionShape shape)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var hashing = new DigestStream(stream, digest);
        using var reader = new BinaryReader(hashing, Encoding.UTF8, leaveOpen: true);
        try
        {
            var snapshot = ReadBody(reader, shape);
            Span<byte> expected = stackalloc byte[DigestBytes];
            digest.GetHashAndReset(expected);
            Span<byte> found = stackalloc byte[DigestBytes];
            stream.ReadExactly(found);
            return CryptographicOperations.FixedTimeEquals(expected, found)
                ? snapshot
                : throw new SessionFormatException("The saved session is damaged: its checksum does not fit its content. Start a new session.");
        }
        catch (Exception exception) when (exception is EndOfStreamException or FormatException or DecoderFallbackException)
        {
            throw new SessionFormatException("The saved session ends too early or is damaged. Start a new session.", exception);
        }
    }

    private static SessionSnapshot ReadBody(BinaryReader reader, SessionShape shape)
    {
        var magic = Bytes(reader, Magic.Length);
        if (!magic.AsSpan().SequenceEqual(Magic))
        {
            throw new SessionFormatException($"This is not a saved session: it begins with '{string.Concat(magic.Select(static part => part is >= 0x20 and < 0x7f ? (char)part : '.'))}', not with '{Encoding.ASCII.GetString(Magic)}'.");
        }

        var version = reader.ReadInt32();
        if (version != Version)
        {
            throw new SessionFormatException($"The saved session has version {version}; this release reads version {Version}. Start a new session.");
        }

        if (!Bytes(reader, DigestBytes).AsSpan().SequenceEqual(shape.Fingerprint.Span))
        {
            throw new SessionFormatException("The saved session belongs to another model: names, shapes or weights differ. Load the model that it was saved with.");
        }

        var stateKind = Encoding.UTF8.GetString(Bytes(reader, Count(reader.Read7BitEncodedInt(), 256, "bytes of the kind of state")));
        var tokens = ReadIds(reader, shape, shape.ContextLength + 1, "tokens");
        var encoderTokens = ReadIds(reader, shape, shape.Windows.Length > 1 ? shape.ContextLength : 0, "encoder tokens");
        var samplerBytes = Count(reader.ReadInt32(), MaximumSamplerState, "bytes of sampler state");
        var samplerState = samplerBytes == 0 ? null : Bytes(reader, samplerBytes);
        var cached = Count(reader.ReadInt32(), tokens.Length, "computed tokens");
        var isSameKind = string.Equals(stateKind, shape.StateKind, StringComparison.Ordinal);
        if (!isSameKind && cached > 0)
        {
            throw new SessionFormatException(
                $"The saved session's state is '{stateKind}', but the engine keeps '{shape.StateKind}'. Load the model with the options that it was saved with, or start a new session from its tokens.");
        }

        var groups = new SessionPages[Count(reader.ReadInt32(), shape.Windows.Length, "groups of pages")];
        for (var group = 0; group < groups.Length; group++)
        {
            var length = Count(reader.ReadInt32(), shape.ContextLength + 1, "positions");
            var pages = new byte[]?[(length + StateStore.PageLength - 1) / StateStore.PageLength];
            for (var page = 0; page < pages.Length; page++)
            {
                pages[page] = reader.ReadBoolean() ? Bytes(reader, shape.PageBytes) : null;
            }

            groups[group] = new SessionPages(length, pages);
        }

        var slotBytes = Count(reader.ReadInt32(), shape.SlotBytes, "bytes of recurrent state");
        if (cached > 0 && (slotBytes != shape.SlotBytes || !Fit(groups, [cached, encoderTokens.Length], shape.Windows.AsSpan())))
        {
            throw new SessionFormatException("The saved session is damaged: its state does not fit its tokens. Start a new session.");
        }

        return new SessionSnapshot(tokens, encoderTokens, samplerState, cached, groups, slotBytes == 0 ? null : Bytes(reader, slotBytes));
    }

    /// <summary>Whether each group has the length of its tokens, and every page that will be read: a checksum says nothing about who made it.</summary>
    private static bool Fit(SessionPages[] groups, ReadOnlySpan<int> lengths, ReadOnlySpan<int> windows)
    {
        for (var group = 0; group < windows.Length; group++)
        {
            var length = lengths[group];
            if (group >= groups.Length || groups[group].Length != length)
            {
                return false;
            }

            var passed = windows[group] > 0 ? Math.Max(0, length - windows[group] + 1) / StateStore.PageLength : 0;
            if (Array.IndexOf(groups[group].Pages, null, passed) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    private static void WriteIds(BinaryWriter writer, int[] ids)
    {
        writer.Write(ids.Length);
        foreach (var id in ids)
        {
            writer.Write(id);
        }
    }

    private static int[] ReadIds(BinaryReader reader, SessionShape shape, int maximum, string what)
    {
        var ids = new int[Count(reader.ReadInt32(), maximum, what)];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = Count(reader.ReadInt32(), shape.VocabularySize - 1, "as a token's id");
        }

        return ids;
    }

    private static int Count(int value, int maximum, string what) => value >= 0 && value <= maximum
        ? value
        : throw new SessionFormatException($"The saved session says {value} {what}; 0 to {maximum} are possible here. It is damaged, or was saved with a longer context.");

    private static byte[] Bytes(BinaryReader reader, int count)
    {
        var bytes = new byte[count];
        reader.BaseStream.ReadExactly(bytes);
        return bytes;
    }
}
