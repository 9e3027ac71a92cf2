using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Abi.Database.Storage;

/// <summary>The calls of the C library that .NET does not offer: data-only flush, flush of a folder, advice about memory. Each has a fallback elsewhere.</summary>
internal static partial class LibC
{
    /// <summary>EPERM: this program may not open it; what macOS says of folders that it guards.</summary>
    public const int NotPermitted = 1;

    /// <summary>EACCES: this user may not open it.</summary>
    public const int NoAccess = 13;

    /// <summary>EINVAL: it cannot be flushed.</summary>
    public const int NoFlush = 22;

    /// <summary>EROFS: there is nothing to be flushed.</summary>
    public const int ReadOnlyFileSystem = 30;

    private const int RandomPages = 1; // MADV_RANDOM
    private const int NeededPages = 3; // MADV_WILLNEED
    private const int HugePages = 14; // MADV_HUGEPAGE

    /// <summary>Makes a file's data durable. On Linux without the time stamps, which would cost a journal commit each time.</summary>
    public static void FlushData(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        if (FDataSync(file) != 0)
        {
            throw Failed("fdatasync failed");
        }
    }

    /// <summary>Makes the names in a folder durable (on Windows they are).</summary>
    /// <exception cref="IOException">It cannot be opened or flushed: its <see cref="Exception.HResult"/> is the system's error.</exception>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(path, 0);
        if (descriptor < 0)
        {
            throw Failed($"The folder {path} cannot be opened");
        }

        using var folder = new SafeFileHandle(descriptor, ownsHandle: true);
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(folder); // macOS's fsync ends when the disk has the data in its cache; .NET asks for more
        }
        else if (FSync(folder) != 0)
        {
            throw Failed($"The folder {path} cannot be flushed");
        }
    }

    /// <summary>Asks for large pages for a range, which spares a random walk most of its address translations. A hint: what the system makes of it does not matter.</summary>
    public static void AdviseHuge(nint address, nint length)
    {
        var (start, bytes) = PagesWithin(address, length, Environment.SystemPageSize);
        Advise(start, bytes, HugePages);
    }

    /// <summary>Says that a mapped range is read here and there: only the pages that are touched are worth reading.</summary>
    public static void AdviseRandom(nint address, nint length) => AdviseWhole(address, length, RandomPages);

    /// <summary>Says that a mapped range is read in a moment: reading begins, and nobody waits.</summary>
    public static void AdviseNeeded(nint address, nint length) => AdviseWhole(address, length, NeededPages);

    /// <summary>
    /// Lets the calling thread have the processor in long turns, so that one that wakes and wants a short turn goes first; its share of the processor stays the same unless it gives up some. A hint: Linux knows it from 6.12 on.
    /// Threads that it starts, of which the pool's may search, have turns of the usual length.
    /// </summary>
    /// <param name="nice">What it gives up: 0 nothing, and up to 19. A thread that has waited for a turn is owed what it missed, and is not interrupted meanwhile; the less its share, the less it is owed. It cannot be taken back.</param>
    public static unsafe void UseLongSlices(int nice)
    {
        const ulong ResetOnFork = 1; // which also takes a priority above the usual one from threads that are started
        const long Nanoseconds = 20_000_000; // several of the usual turns, and the longest that a thread may wait for this one beside others
        var (get, set) = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => (315, 314),
            Architecture.Arm64 => (275, 274),
            _ => (0, 0),
        };
        var attributes = default(SchedulingAttributes);
        if (OperatingSystem.IsLinux() && get != 0 && SystemCall(get, 0, (nint)(&attributes), sizeof(SchedulingAttributes), 0) == 0 && attributes.Policy == 0 && (attributes.Nice >= 0 || nice > 0))
        {
            attributes.Flags |= ResetOnFork;
            attributes.Nice = Math.Max(attributes.Nice, nice);
            attributes.Runtime = Nanoseconds;
            _ = SystemCall(set, 0, (nint)(&attributes), 0, 0);
        }
    }

    private static IOException Failed(string what) => new($"{what}: error {Marshal.GetLastPInvokeError()}: {Marshal.GetLastPInvokeErrorMessage()}.", Marshal.GetLastPInvokeError());

    /// <summary>The pages that lie whole in a range; none gives a length that is not positive. The system refuses advice about what begins within a page.</summary>
    internal static (nint Start, nint Bytes) PagesWithin(nint address, nint length, nint page)
    {
        var start = (address + page - 1) & -page;
        return (start, ((address + length) & -page) - start);
    }

    /// <summary>A range from the beginning of its first page on.</summary>
    internal static (nint Start, nint Bytes) PagesAround(nint address, nint length, nint page)
    {
        var start = address & -page;
        return (start, address + length - start);
    }

    private static void AdviseWhole(nint address, nint length, int advice)
    {
        var (start, bytes) = PagesAround(address, length, Environment.SystemPageSize);
        Advise(start, bytes, advice);
    }

    private static void Advise(nint start, nint length, int advice)
    {
        if (OperatingSystem.IsLinux() && length > 0)
        {
            _ = MemoryAdvise(start, length, advice);
        }
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle folder);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(nint address, nint length, int advice);

    // struct sched_attr as of its first version, 48 bytes.
    [StructLayout(LayoutKind.Sequential)]
    private struct SchedulingAttributes
    {
        public uint Size;
        public uint Policy; // 0: SCHED_OTHER
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime; // of SCHED_OTHER: the length of a turn
        public ulong Deadline;
        public ulong Period;
    }
}
