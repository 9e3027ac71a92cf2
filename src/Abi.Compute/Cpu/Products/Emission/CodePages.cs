using System.Runtime.InteropServices;

namespace Abi.Compute.Cpu.Products.Emission;

/// <summary>Pages that machine code is written to and then run from: writable, then executable, never both. They stay for as long as the process does.</summary>
internal static unsafe partial class CodePages
{
    private const int ReadWrite = 3;
    private const int ReadExecute = 5;
    private const int WindowsCommitReserve = 0x3000;
    private const int WindowsReadWrite = 0x04;
    private const int WindowsExecuteRead = 0x20;

    /// <summary>Puts code into pages of its own.</summary>
    /// <returns>Its first byte, or null where the system forbids it.</returns>
    public static byte* TryPlace(ReadOnlySpan<byte> code)
    {
        var length = (nuint)((code.Length + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize);
        try
        {
            return OperatingSystem.IsWindows() ? PlaceOnWindows(code, length) : PlaceOnUnix(code, length);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null; // a system without the usual functions has no emitted kernels
        }
    }

    private static byte* PlaceOnUnix(ReadOnlySpan<byte> code, nuint length)
    {
        var privateAnonymous = OperatingSystem.IsMacOS() || OperatingSystem.IsFreeBSD() ? 0x1002 : 0x22;
        var address = Map(0, length, ReadWrite, privateAnonymous, -1, 0);
        if (address == -1)
        {
            return null;
        }

        code.CopyTo(new Span<byte>((void*)address, code.Length));
        if (Protect(address, length, ReadExecute) == 0)
        {
            return (byte*)address;
        }

        _ = Unmap(address, length);
        return null;
    }

    private static byte* PlaceOnWindows(ReadOnlySpan<byte> code, nuint length)
    {
        var address = VirtualAlloc(0, length, WindowsCommitReserve, WindowsReadWrite);
        if (address == 0)
        {
            return null;
        }

        code.CopyTo(new Span<byte>((void*)address, code.Length));
        return VirtualProtect(address, length, WindowsExecuteRead, out _) != 0 ? (byte*)address : null;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("kernel32", EntryPoint = "VirtualAlloc")]
    private static partial nint VirtualAlloc(nint address, nuint length, int kind, int protection);

    [LibraryImport("kernel32", EntryPoint = "VirtualProtect")]
    private static partial int VirtualProtect(nint address, nuint length, int protection, out int old);
}
