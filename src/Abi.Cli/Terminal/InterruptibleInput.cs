namespace Abi.Cli.Terminal;

/// <summary>Standard input whose reads end when the command is cancelled. The system's own wait for as long as nothing comes.</summary>
/// <remarks>For one reader at a time. A read that is given up goes on, into memory of its own, until the process ends.</remarks>
/// <param name="input">The input.</param>
/// <param name="stop">Ends the command.</param>
internal sealed class InterruptibleInput(Stream input, CancellationToken stop) : OneWayStream
{
    private readonly byte[] _bytes = new byte[1 << 16];

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        var count = ReadAsync(buffer.Length).GetAwaiter().GetResult();
        _bytes.AsSpan(0, count).CopyTo(buffer);
        return count;
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await ReadAsync(buffer.Length).ConfigureAwait(false);
        _bytes.AsMemory(0, count).CopyTo(buffer);
        return count;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    private Task<int> ReadAsync(int length)
    {
        stop.ThrowIfCancellationRequested();
        return Task.Run(() => input.Read(_bytes, 0, Math.Min(length, _bytes.Length)), CancellationToken.None).WaitAsync(stop);
    }
}
