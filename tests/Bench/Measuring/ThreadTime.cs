using System.Runtime.InteropServices;

namespace Nixl.Sdk.Bench.Measuring;

/// <summary>Processor time of single threads of this process, in seconds (Linux).</summary>
internal static partial class ThreadTime
{
    private const int OwnThread = 3; // CLOCK_THREAD_CPUTIME_ID
    private const int ScheduledTimeOfThread = 6; // CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED, in the three lowest bits

    public static double OfCaller() => Read(OwnThread);

    /// <summary>All threads of this name together.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static double OfNamed(string name)
    {
        var threads = Directory.GetDirectories("/proc/self/task").Where(task => NameOf(task) == name).Select(task => int.Parse(Path.GetFileName(task)));
        // The clock of a thread is its number, inverted, above the kind of clock: see pthread_getcpuclockid's implementations.
        double[] times = [.. threads.Select(thread => Read((~thread << 3) | ScheduledTimeOfThread))];
        return times.Length > 0 ? times.Sum() : throw new InvalidOperationException($"This process has no thread '{name}'.");
    }

    private static string? NameOf(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).TrimEnd('\n');
        }
        catch (IOException) // it has ended meanwhile
        {
            return null;
        }
    }

    private static double Read(int clock) => ClockGetTime(clock, out var time) == 0
        ? time.Seconds + time.Nanoseconds / 1e9
        : throw new InvalidOperationException($"Clock {clock} cannot be read: {Marshal.GetLastPInvokeErrorMessage()}.");

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
