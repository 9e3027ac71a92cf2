namespace Abi;

/// <summary>A part of Abi that a program adds with <c>AddX</c> and that starts and stops with <see cref="AbiFramework"/>.</summary>
/// <remarks>
/// The framework calls <see cref="StartAsync"/> and <see cref="StopAsync"/> one at a time, never twice in a row, and may start a stopped feature again.
/// A feature that is created but never started may still be disposed: the container disposes features that implement <see cref="IDisposable"/> or
/// <see cref="IAsyncDisposable"/> after all of them were stopped.
/// </remarks>
public interface IAbiFeature
{
    /// <summary>The name under which the feature was added; it must be the <see cref="FeatureDefinition{TFeature, TOptions}.Name"/> of its definition.</summary>
    string Name { get; }

    /// <summary>Gets ready for use. Everything that this feature needs was started before. When it throws, it has left nothing behind: <see cref="StopAsync"/> is not called.</summary>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>Finishes or abandons work in progress and lets go of what <see cref="StartAsync"/> took. Everything that needs this feature was stopped before.</summary>
    /// <param name="cancellationToken">When signalled, stopping is no longer graceful: abandon what is left, but still let go of everything.</param>
    Task StopAsync(CancellationToken cancellationToken);

    /// <summary>Says how the feature is. Called while the framework runs, from any thread; should take no longer than a status line is worth.</summary>
    Task<FeatureHealth> HealthAsync(CancellationToken cancellationToken) => Task.FromResult(FeatureHealth.Healthy);
}
