namespace Abi.Database.Tests.Storage;

/// <summary>A stream as a network gives it: one way, in small parts, without a length or a place, and not without waiting.</summary>
internal sealed class SequentialStream : Stream
{
    private readonly byte[] _source;
    private readonly MemoryStream _written = new();
    private int _at;

    private SequentialStream(byte[] source) => _source = source;

    public override bool CanRead => _source.Length > 0;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public byte[] Written => _written.ToArray();

    public static SequentialStream ToWrite() => new([]);

    public static SequentialStream Of(byte[] source) => new(source);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        var count = Math.Min(Math.Min(buffer.Length, 1000), _source.Length - _at);
        _source.AsSpan(_at, count).CopyTo(buffer.Span);
        _at += count;
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        await _written.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
