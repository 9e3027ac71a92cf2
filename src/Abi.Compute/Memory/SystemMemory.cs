using System.Runtime.InteropServices;
using Abi.Compute.Memory;

namespace Abi.Compute.Cpu.Products.Packing;

/// <summary>Memory straight from the system, in huge pages where it grants them, and advice about the pages of mapped files. Where a system has neither, it does without.</summary>
internal static unsafe partial class SystemMemory
{
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private const int DontNeed = 4;
    private const int HugePages = 14;
    private const long HugePage = 2L << 20;

    /// <summary>Takes memory aligned to at least 64 bytes whose pages exist once they are written to.</summary>
    /// <exception cref="InsufficientMemoryException">The system has no more memory.</exception>
    public static byte* Take(long bytes)
    {
        if (!OperatingSystem.IsLinux())
        {
            return (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        }

        var address = Map(0, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
        if (address == -1)
        {
            throw new InsufficientMemoryException($"The system refused {bytes} bytes.");
        }

        if (bytes >= HugePage)
        {
            _ = Advise(address, (nuint)bytes, HugePages); // without it, pages are merely smaller
        }

        return (byte*)address;
    }

    /// <summary>Frees what was taken.</summary>
    public static void Free(byte* address, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Unmap((nint)address, (nuint)bytes);
        }
        else
        {
            NativeMemory.AlignedFree(address);
        }
    }

    /// <summary>Gives back the pages that lie wholly within a range of a mapped file: they come again from the file when somebody reads them.</summary>
    public static void GiveBack(TensorMemory memory, byte* start, long bytes)
    {
        if (memory is not MappedFile || !OperatingSystem.IsLinux())
        {
            return; // anonymous memory would lose its contents
        }

        var page = Environment.SystemPageSize;
        var first = ((nint)start + page - 1) / page * page;
        var end = (nint)(start + bytes) / page * page;
        if (end > first)
        {
            _ = Advise(first, (nuint)(end - first), DontNeed);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
