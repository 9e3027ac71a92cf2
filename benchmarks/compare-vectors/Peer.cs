using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Abi.CompareVectors;

/// <summary>The peer's process: a command a line in, a line of JSON out.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process _process;

    public Peer(string path) => _process = Process.Start(new ProcessStartInfo(path) { RedirectStandardInput = true, RedirectStandardOutput = true })!;

    public JsonElement Ask(FormattableString command)
    {
        _process.StandardInput.WriteLine(command.ToString(CultureInfo.InvariantCulture));
        _process.StandardInput.Flush();
        return JsonDocument.Parse(_process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"The peer ended at '{command}'.")).RootElement;
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
