using Microsoft.Extensions.Hosting;

namespace Abi;

/// <summary>
/// Starts the framework with the host that it was added to, in the order of registration, and stops it when every hosted service has stopped: one that was registered before it
/// would lose its model or its database in the middle of its work otherwise.
/// </summary>
internal sealed class AbiHostedService(AbiFramework abi) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => abi.StartAsync(cancellationToken);

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await abi.StopAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host's time to stop is over, as when a stream held its server up: it disposes of the framework next, which stops the features. Thrown from here, this would end the program as a crash.
        }
    }
}
