using System.Diagnostics;
using System.Globalization;

namespace Nixl.Sdk.Bench;

/// <summary>How much of the machine was used by others while something was measured (Linux: /proc/stat).</summary>
internal sealed class ForeignLoad
{
    private const double Noticeable = 0.1;

    // USER_HZ, which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly TimeSpan _own = Environment.CpuUsage.TotalTime;
    private readonly (double Busy, double Stolen)? _machine = Read();

    /// <summary>A warning if others used a noticeable part of the machine since this was made; otherwise null.</summary>
    public string? Describe()
    {
        if (_machine is not { } before || Read() is not { } after)
            return null;
        var capacity = Stopwatch.GetElapsedTime(_start).TotalSeconds * Environment.ProcessorCount;
        var own = (Environment.CpuUsage.TotalTime - _own).TotalSeconds;
        var others = Math.Max(0, after.Busy - before.Busy - own) / capacity;
        var stolen = (after.Stolen - before.Stolen) / capacity;
        if (others < Noticeable && stolen < Noticeable)
            return null;
        var load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"foreign load: other programs used {others:P0} and the hypervisor took {stolen:P0} of {Environment.ProcessorCount} cores (load average {load}); the figures are too high");
    }

    // cpu user nice system idle iowait irq softirq steal …
    private static (double Busy, double Stolen)? Read()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        using var reader = new StreamReader("/proc/stat");
        var ticks = reader.ReadLine()!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]
            .Select(field => double.Parse(field, CultureInfo.InvariantCulture) / TicksPerSecond).ToArray();
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], ticks[7]);
    }
}
