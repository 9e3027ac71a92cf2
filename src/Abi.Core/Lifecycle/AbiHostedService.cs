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

    public Task StoppedAsync(CancellationToken cancellationToken) => abi.StopAsync(cancellationToken);
}
