using System.Diagnostics;

namespace Nixl.Sdk.Bench.Measuring;

/// <summary>Times the same work again and again: by the clock, and in processor time of all cores of this process.</summary>
internal sealed class Timings
{
    public Measurements Wall { get; } = new();

    /// <summary>Other programs on the machine disturb it less than <see cref="Wall"/>.</summary>
    public Measurements Processor { get; } = new();

    /// <summary>Times <paramref name="work"/>, with no garbage of earlier work left to collect.</summary>
    public void Time(Action work)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var processor = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        work();
        Wall.Add(Stopwatch.GetElapsedTime(start));
        Processor.Add(Environment.CpuUsage.TotalTime - processor);
    }
}
