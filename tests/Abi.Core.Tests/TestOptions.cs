using Microsoft.Extensions.Configuration;

namespace Abi.Core.Tests;

public class TestOptions
{
    public int ContextLength { get; set; } = 4096;

    public string Model { get; set; } = "default.gguf";

    public DayOfWeek Day { get; set; } = DayOfWeek.Monday;

    public SamplingPart Sampling { get; set; } = new();

    internal Func<CancellationToken, Task>? OnStart { get; set; }

    internal Func<CancellationToken, Task>? OnStop { get; set; }

    internal Action? OnDispose { get; set; }

    internal Func<Task<FeatureHealth>>? OnHealth { get; set; }

    public static void Bind(IConfigurationSection section, TestOptions options) => section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);

    public sealed class SamplingPart
    {
        public int TopK { get; set; } = 40;

        public float TopP { get; set; } = 0.95f;
    }
}
