using System.Diagnostics;
using System.Globalization;

namespace Abi.Cli.Terminal;

/// <summary>A line on stderr that shows how far something is; draws nothing when stderr is no terminal.</summary>
/// <remarks>Thread-safe. At most ten drawings a second. Disposing takes the line away.</remarks>
internal sealed class ProgressBar(CliConsole console) : IDisposable
{
    private const int Cells = 30;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private long _last;
    private int _length;
    private bool _isDisposed;

    /// <summary>Shows progress.</summary>
    /// <param name="fraction">0 to 1.</param>
    /// <param name="text">What is being done.</param>
    public void Report(double fraction, string text)
    {
        if (!console.ShowsProgress)
        {
            return;
        }

        lock (_gate)
        {
            if (_isDisposed || (_last != 0 && Stopwatch.GetElapsedTime(_last) < Interval))
            {
                return;
            }

            _last = Stopwatch.GetTimestamp();
            var filled = (int)(Math.Clamp(fraction, 0, 1) * Cells);
            var line = string.Create(CultureInfo.InvariantCulture, $"[{new string('#', filled)}{new string('.', Cells - filled)}] {fraction,4:P0} {text}");
            console.Error.Write($"\r{line.PadRight(_length)}");
            console.Error.Flush();
            _length = line.Length;
        }
    }

    /// <summary>Clears the line; a second call does nothing.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_isDisposed && _length > 0)
            {
                console.Error.Write($"\r{new string(' ', _length)}\r");
                console.Error.Flush();
            }

            _isDisposed = true;
        }
    }
}
