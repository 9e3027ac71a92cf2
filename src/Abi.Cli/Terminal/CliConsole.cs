using System.Text;

namespace Abi.Cli.Terminal;

/// <summary>Where a command reads, where its results go and where everything else goes.</summary>
/// <remarks>For one command at a time.</remarks>
internal sealed class CliConsole : IDisposable
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Makes a console over streams.</summary>
    /// <param name="input">Standard input.</param>
    /// <param name="output">Standard output: results, in UTF-8.</param>
    /// <param name="error">Everything else.</param>
    /// <param name="showsProgress">Whether progress can be drawn on <paramref name="error"/>, because it is a terminal.</param>
    public CliConsole(Stream input, Stream output, TextWriter error, bool showsProgress = false)
    {
        Input = input;
        Output = output;
        Out = new StreamWriter(output, Utf8, bufferSize: 16384, leaveOpen: true) { NewLine = "\n" };
        Error = error;
        ShowsProgress = showsProgress;
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

    /// <summary>The process's own streams.</summary>
    public static CliConsole OfProcess()
    {
        if (OperatingSystem.IsWindows() && !Console.IsOutputRedirected)
        {
            Console.OutputEncoding = Utf8; // the console reads the bytes in its own code page otherwise
        }

        var error = new StreamWriter(Console.OpenStandardError(), Utf8, bufferSize: 1024) { AutoFlush = true, NewLine = "\n" };
        return new CliConsole(Console.OpenStandardInput(), Console.OpenStandardOutput(), error, !Console.IsErrorRedirected);
    }

    /// <summary>Writes what is buffered.</summary>
    public void Dispose()
    {
        Out.Flush();
        Output.Flush();
        Error.Flush();
    }
}
