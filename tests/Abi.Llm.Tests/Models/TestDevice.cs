using Abi.Compute.Cpu;
using Abi.Compute.Devices;
using Abi.Compute.Scalar;

namespace Abi.Llm.Tests.Models;

/// <summary>The devices that whole models are tested on.</summary>
public enum TestDevice
{
    /// <summary>The processor, with one more thread than a small machine has.</summary>
    Cpu,

    /// <summary>The plain reference.</summary>
    Scalar,
}

internal static class TestDevices
{
    public static IDevice Create(this TestDevice device) => device == TestDevice.Cpu ? new CpuDevice(new CpuOptions { Threads = 3 }) : new ScalarDevice();
}
