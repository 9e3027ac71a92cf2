using Microsoft.Extensions.Hosting;

namespace Abi;

/// <summary>Starts and stops the framework with the host that it was added to.</summary>
internal sealed class AbiHostedService(AbiFramework abi) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => abi.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => abi.StopAsync(cancellationToken);
}
