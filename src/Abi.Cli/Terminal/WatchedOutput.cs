using System.Runtime.InteropServices;

namespace Abi.Cli.Terminal;

/// <summary>Standard output that says when nobody reads it any more. The framework's own drops what is written then, and a command would go on for nothing, perhaps without an end.</summary>
/// <param name="output">Standard output of the process, on systems that have <c>poll</c>.</param>
internal sealed partial class WatchedOutput(Stream output) : OneWayStream
{
    private const int Descriptor = 1;
    private const short Writable = 0x4;
    private const short Error = 0x8;
    private const short HangUp = 0x10;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    /// <exception cref="ClosedOutputException">Nobody reads it.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var state = new PollState { Descriptor = Descriptor, Asked = Writable };
        if (Poll(ref state, 1, 0) > 0 && (state.Result & (Error | HangUp)) != 0)
        {
            throw new ClosedOutputException();
        }

        output.Write(buffer);
    }

    /// <inheritdoc/>
    public override void Flush() => output.Flush();

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref PollState state, nuint count, int milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollState
    {
        public int Descriptor;
        public short Asked; // Linux tells of errors unasked, macOS only to who asks for something
        public short Result;
    }
}
