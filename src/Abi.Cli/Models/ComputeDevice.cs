using Abi.Compute.Cpu;
using Abi.Compute.Devices;

namespace Abi.Cli.Models;

/// <summary>The device that commands compute on.</summary>
internal static class ComputeDevice
{
    /// <summary>Makes the device.</summary>
    /// <param name="threads">Threads that compute; null for one a core.</param>
    public static IDevice Create(int? threads) => new CpuDevice(new CpuOptions { Threads = threads ?? 0 });
}
