using System.Text.Json;

namespace Abi.Compare;

/// <summary>What has been measured so far, a line of JSON each, so that a comparison which was cut off goes on where it stood.</summary>
internal sealed class MeasurementLog
{
    private readonly Dictionary<string, BenchResult> _results = [];
    private readonly string? _path;

    public MeasurementLog(string? path)
    {
        _path = path;
        if (path is null || !File.Exists(path))
        {
            return;
        }

        foreach (var line in File.ReadLines(path))
        {
            try
            {
                using var json = JsonDocument.Parse(line);
                var row = json.RootElement;
                _results[row.GetProperty("key").GetString()!] = new BenchResult(row.GetProperty("value").GetDouble(), row.GetProperty("peak_mib").GetInt64());
            }
            catch (JsonException)
            {
                // the last line of a run that was cut off
            }
        }
    }

    /// <summary>The measurement of this key, made now if it is not there yet.</summary>
    public BenchResult Get(string key, Func<BenchResult> measure)
    {
        if (_results.TryGetValue(key, out var known))
        {
            return known;
        }

        var result = measure();
        _results[key] = result;
        if (_path is not null)
        {
            File.AppendAllText(_path, $$"""{"key":{{JsonSerializer.Serialize(key)}},"value":{{JsonSerializer.Serialize(result.TokensPerSecond)}},"peak_mib":{{JsonSerializer.Serialize(result.PeakMebibytes)}}}""" + "\n");
        }

        return result;
    }
}
