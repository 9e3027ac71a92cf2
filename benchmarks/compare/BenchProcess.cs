using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Abi.Compare;

/// <summary>Runs a benchmark command that takes llama-bench's options and prints its JSON.</summary>
internal static class BenchProcess
{
    public static BenchResult Run(string command, bool isPeer, string model, BenchTest test, int threads)
    {
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        // llama-bench writes JSON with `-o json`, Abi with `--json`.
        string[] arguments =
        [
            .. words[1..], .. isPeer ? new[] { "-m", model, "-o", "json" } : [model, "--json"],
            "-p", Text(test.Prompt), "-n", Text(test.Generate), "-d", Text(test.Depth), "-t", Text(threads), "-r", "1",
        ];
        using var process = Process.Start(new ProcessStartInfo(words[0], arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEndAsync();
        long peak = 0;
        while (!process.WaitForExit(5))
        {
            peak = Math.Max(peak, PeakKibibytes(process.Id));
        }

        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"'{command}' ended with {process.ExitCode} on {model}.");
        }

        using var json = JsonDocument.Parse(output.GetAwaiter().GetResult());
        var row = json.RootElement.ValueKind == JsonValueKind.Array ? json.RootElement[0] : json.RootElement;
        return new BenchResult(row.GetProperty("avg_ts").GetDouble(), peak / 1024);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The high-water mark of resident memory, as Linux keeps it; 0 elsewhere.</summary>
    private static long PeakKibibytes(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line.AsSpan(6).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // the process has just ended
        }
    }
}
