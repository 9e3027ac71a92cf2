using System.Runtime.InteropServices;

namespace Abi.Compute.Memory;

/// <summary>Memory straight from the system, in huge pages where it grants them, and advice about the pages of mapped files. Where a system has neither, it does without.</summary>
internal static unsafe partial class SystemMemory
{
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private const int DontNeed = 4;
    private const int HugePages = 14;
    private const long HugePage = 2L << 20;
    private const int FaultAround = 64 << 10; // what Linux maps of a file around a page that is touched, unless set otherwise

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

    /// <summary>
    /// Gives back the pages in which a range of a mapped file lies, and those around it that the system maps together with them; anonymous memory would lose its contents.
    /// </summary>
    public static void GiveBack(byte* file, long length, long offset, long bytes)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var first = Math.Max((nint)file, (nint)(file + offset) / FaultAround * FaultAround);
        var end = Math.Min((nint)(file + length), ((nint)(file + offset + bytes) + FaultAround - 1) / FaultAround * FaultAround);
        _ = Advise(first, (nuint)(end - first), DontNeed); // a last page that the file fills in part goes, too
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
