using System.Runtime.InteropServices;

namespace Abi.Cli.Terminal;

/// <summary>Standard output that says when nobody reads it any more. The framework's own drops what is written then, and a command would go on for nothing, perhaps without an end.</summary>
/// <param name="output">Standard output of the process, on systems that have <c>poll</c>.</param>
internal sealed partial class WatchedOutput(Stream output) : Stream
{
    private const int Descriptor = 1;
    private const short Error = 0x8;
    private const short HangUp = 0x10;

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="ClosedOutputException">Nobody reads it.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var state = new PollState { Descriptor = Descriptor };
        if (Poll(ref state, 1, 0) > 0 && (state.Result & (Error | HangUp)) != 0)
        {
            throw new ClosedOutputException();
        }

        output.Write(buffer);
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush() => output.Flush();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref PollState state, nuint count, int milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollState
    {
        public int Descriptor;
        public short Asked; // errors are told unasked
        public short Result;
    }
}
