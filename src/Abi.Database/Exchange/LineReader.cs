using System.Text;

namespace Abi.Database.Exchange;

/// <summary>Reads lines of UTF-8, none longer than a limit, so that a file without line ends does not fill the memory.</summary>
internal sealed class LineReader(Stream stream, string path)
{
    public const int LongestLine = 64 << 20; // bytes

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _buffer = new byte[1 << 16];
    private int _at;
    private int _end;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>The next line that is not blank; null at the end.</summary>
    /// <exception cref="ExchangeException">It is too long, or not UTF-8.</exception>
    public async Task<string?> ReadAsync(CancellationToken cancellationToken)
    {
        using var line = new MemoryStream();
        while (true)
        {
            if (_at == _end)
            {
                (_at, _end) = (0, await stream.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false));
            }

            var isEnd = _end == 0;
            var length = _buffer.AsSpan(_at, _end - _at).IndexOf((byte)'\n');
            line.Write(_buffer, _at, length < 0 ? _end - _at : length);
            if (line.Length > LongestLine)
            {
                throw new ExchangeException($"the line has more than {LongestLine} bytes.", path, Number + 1);
            }

            _at = length < 0 ? _end : _at + length + 1;
            if (length < 0 && !isEnd)
            {
                continue;
            }

            Number++;
            var text = Decode(line.GetBuffer().AsSpan(0, (int)line.Length)).TrimStart('\uFEFF');
            if (!string.IsNullOrWhiteSpace(text))
            {
                return text;
            }

            if (isEnd)
            {
                return null;
            }

            line.SetLength(0);
        }
    }

    private string Decode(ReadOnlySpan<byte> line)
    {
        try
        {
            return Utf8.GetString(line);
        }
        catch (DecoderFallbackException error)
        {
            throw new ExchangeException($"byte {error.Index + 1} of the line, 0x{Convert.ToHexString(error.BytesUnknown ?? [])}, is not UTF-8. Write the file in that.", path, Number, error);
        }
    }
}
