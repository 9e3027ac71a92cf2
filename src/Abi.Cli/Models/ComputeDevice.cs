using Abi.Compute.Devices;
using Abi.Compute.Scalar;

namespace Abi.Cli.Models;

/// <summary>The device that commands compute on.</summary>
internal static class ComputeDevice
{
    /// <summary>Makes the device.</summary>
    /// <param name="threads">Threads that compute; null for one a core.</param>
    public static IDevice Create(int? threads)
    {
        _ = threads;
        return new ScalarDevice();
    }
}
