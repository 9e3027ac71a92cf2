using Microsoft.Extensions.Configuration;

namespace Abi.Core.Tests;

/// <summary>A feature that writes what happens to it into a journal and does as its options say.</summary>
public class TestFeature(string name, TestOptions options, List<string> journal) : IAbiFeature, IAsyncDisposable
{
    public string Name => name;

    public TestOptions Options => options;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Write("start");
        if (options.OnStart is { } act)
        {
            await act(cancellationToken);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Write("stop");
        if (options.OnStop is { } act)
        {
            await act(cancellationToken);
        }
    }

    public Task<FeatureHealth> HealthAsync(CancellationToken cancellationToken) => options.OnHealth?.Invoke() ?? Task.FromResult(FeatureHealth.Healthy);

    public ValueTask DisposeAsync()
    {
        Write("dispose");
        options.OnDispose?.Invoke();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private void Write(string what)
    {
        lock (journal)
        {
            journal.Add($"{what} {name}");
        }
    }

    public static FeatureDefinition<TFeature, TOptions> Define<TFeature, TOptions>(string name, Func<TOptions, TFeature> create, string[]? dependsOn = null, string[]? startsAfter = null)
        where TFeature : TestFeature
        where TOptions : TestOptions, new() => new()
        {
            Name = name,
            DependsOn = dependsOn ?? [],
            StartsAfter = startsAfter ?? [],
            Create = (_, options) => create(options),
            Bind = static (section, options) => TestOptions.Bind(section, options),
            Validate = static (options, check) =>
            {
                check.InRange(options.ContextLength, 1, 1_000_000);
                check.NotEmpty(options.Model);
                check.Defined(options.Day);
                check.InRange(options.Sampling.TopP, 0f, 1f);
            },
        };
}
