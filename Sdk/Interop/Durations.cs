using System.Diagnostics.CodeAnalysis;

namespace Nixl.Sdk.Interop;

/// <summary>TimeSpan to and from the ABI's nanoseconds.</summary>
internal static class Durations
{
    /// <summary>Longest time-out: a year. Longer or infinite ones are cut to it, so that every wait has a deadline.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    /// <summary>Longest wait that <see cref="Task.Wait(TimeSpan)"/> takes: 2^31-1 ms.</summary>
    public static readonly TimeSpan LongestTaskWait = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>Nanoseconds; 0 ("the default") for zero.</summary>
    public static ulong ToNanoseconds(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
            return 0;
        if (duration == Timeout.InfiniteTimeSpan || duration > Longest)
            duration = Longest;
        if (duration < TimeSpan.Zero)
            ThrowNegative(duration);
        return (ulong)duration.Ticks * 100;
    }

    /// <summary>The time between two readings of the core's clock; zero if one of them was never taken.</summary>
    public static TimeSpan Between(ulong startNs, ulong endNs) =>
        startNs == 0 || endNs <= startNs ? TimeSpan.Zero : TimeSpan.FromTicks((long)((endNs - startNs) / 100));

    [DoesNotReturn]
    private static void ThrowNegative(TimeSpan duration) =>
        throw new ArgumentOutOfRangeException(nameof(duration), duration, "A time-out cannot be negative; use TimeSpan.Zero for the agent's default.");
}
