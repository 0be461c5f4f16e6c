using System.Diagnostics;
using System.Globalization;

namespace Nixl.Sdk.Bench.Measuring;

/// <summary>
/// How much of the machine was used by others while something was measured (Linux: /proc). "Own" is this process with all its descendants,
/// ended ones included. Time in interrupts counts for nobody: the kernel charges loopback traffic to it.
/// </summary>
internal sealed class ForeignLoad
{
    /// <summary>Above this share a figure is measured again.</summary>
    public const double Limit = 0.05;

    // USER_HZ, which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly double? _others = Others();

    /// <summary>Share of all processors that others used since this was made; null: not known here.</summary>
    public double? Share()
    {
        if (_others is not { } before || Others() is not { } after)
            return null;
        var capacity = Stopwatch.GetElapsedTime(_start).TotalSeconds * Environment.ProcessorCount;
        return Math.Clamp((after - before) / capacity, 0, 1);
    }

    // cpu user nice system idle iowait irq softirq steal …
    private static double? Others()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        using var reader = new StreamReader("/proc/stat");
        var ticks = Numbers(reader.ReadLine()!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]);
        return (ticks[0] + ticks[1] + ticks[2] + ticks[7] - OwnTicks()) / TicksPerSecond;
    }

    private static double OwnTicks()
    {
        var all = new Dictionary<int, (int Parent, double Ticks)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Read(folder) is { } process)
                all[id] = process;
        }

        return all.Where(process => IsOwn(process.Key, all)).Sum(process => process.Value.Ticks);
    }

    private static bool IsOwn(int id, Dictionary<int, (int Parent, double Ticks)> all)
    {
        while (id != Environment.ProcessId)
        {
            if (!all.TryGetValue(id, out var process))
                return false;
            id = process.Parent;
        }

        return true;
    }

    // pid (name) state parent … 14th utime, stime, and those of the children that were waited for.
    private static (int Parent, double Ticks)? Read(string folder)
    {
        try
        {
            var text = File.ReadAllText(folder + "/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (int.Parse(fields[1], CultureInfo.InvariantCulture), Numbers(fields[11..15]).Sum());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null; // It has ended meanwhile.
        }
    }

    private static double[] Numbers(string[] fields) => [.. fields.Select(field => double.Parse(field, CultureInfo.InvariantCulture))];
}
