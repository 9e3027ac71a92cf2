using System.Text;

namespace Abi.Cli.Terminal;

/// <summary>Where a command reads, where its results go and where everything else goes.</summary>
/// <remarks>For one command at a time.</remarks>
internal sealed class CliConsole : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private readonly Lock _lock = new();
    private CancellationTokenSource? _part; // of the command, that Ctrl-C ends alone; null for none
    private Func<bool>? _endsAlone;         // whether it does, when it comes

    /// <summary>Makes a console over streams.</summary>
    /// <param name="input">Standard input.</param>
    /// <param name="output">Standard output: results, in UTF-8.</param>
    /// <param name="error">Everything else.</param>
    /// <param name="showsProgress">Whether progress can be drawn on <paramref name="error"/>, because it is a terminal.</param>
    /// <param name="readsTerminal">Whether somebody types <paramref name="input"/>; otherwise it is a file or another program's output.</param>
    public CliConsole(Stream input, Stream output, TextWriter error, bool showsProgress = false, bool readsTerminal = false)
    {
        Input = input;
        Output = output;
        Out = new StreamWriter(output, Utf8, bufferSize: 16384, leaveOpen: true) { NewLine = "\n" };
        Error = error;
        ShowsProgress = showsProgress;
        ReadsTerminal = readsTerminal;
    }

    /// <summary>Standard input.</summary>
    public Stream Input { get; }

    /// <summary>Standard output as bytes; flush <see cref="Out"/> before writing here.</summary>
    public Stream Output { get; }

    /// <summary>Standard output as text.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether progress is drawn.</summary>
    public bool ShowsProgress { get; }

    /// <summary>Whether somebody types the input.</summary>
    public bool ReadsTerminal { get; }

    /// <summary>The process's own streams.</summary>
    /// <param name="stop">Ends the command, also while it waits for input.</param>
    public static CliConsole OfProcess(CancellationToken stop)
    {
        if (OperatingSystem.IsWindows() && !Console.IsOutputRedirected)
        {
            Console.OutputEncoding = Utf8; // the console reads the bytes in its own code page otherwise
        }

        var error = new StreamWriter(Console.OpenStandardError(), Utf8, bufferSize: 1024) { AutoFlush = true, NewLine = "\n" };
        var output = OperatingSystem.IsWindows() ? Console.OpenStandardOutput() : new WatchedOutput(Console.OpenStandardOutput());
        return new CliConsole(new InterruptibleInput(Console.OpenStandardInput(), stop), output, error, !Console.IsErrorRedirected, !Console.IsInputRedirected);
    }

    /// <summary>Runs a part of a command, such as an answer of a conversation, that Ctrl-C ends alone: the command goes on. A second Ctrl-C ends the command.</summary>
    /// <param name="part">The part.</param>
    /// <param name="endsAlone">Asked when Ctrl-C comes: whether it means the part alone, and not the command.</param>
    /// <param name="cancellationToken">Ends the command.</param>
    /// <returns>False when the part was ended so.</returns>
    public async Task<bool> TryRunAsync(Func<CancellationToken, Task> part, Func<bool> endsAlone, CancellationToken cancellationToken)
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (_lock)
        {
            (_part, _endsAlone) = (source, endsAlone);
        }

        try
        {
            await part(source.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (source.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            lock (_lock)
            {
                (_part, _endsAlone) = (null, null);
            }
        }
    }

    /// <summary>Ctrl-C came. False when there is no part to end, or not alone, or it is ended already: then the whole command is meant.</summary>
    public bool TryInterrupt()
    {
        lock (_lock)
        {
            if (_part is not { IsCancellationRequested: false } part || _endsAlone?.Invoke() == false)
            {
                return false;
            }

            _ = part.CancelAsync(); // who waits for it goes on elsewhere, not inside of the lock
            return true;
        }
    }

    /// <summary>Writes what is buffered.</summary>
    public void Dispose()
    {
        Out.Flush();
        Output.Flush();
        Error.Flush();
    }
}
