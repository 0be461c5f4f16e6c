using System.Diagnostics;
using System.Globalization;

namespace Nixl.Sdk.Bench.Measuring;

/// <summary>Ours and the reference, measured in turns.</summary>
internal sealed class Comparison
{
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(1);

    public Measurements Ours { get; } = new();

    public Measurements Reference { get; } = new();

    /// <summary>How many times as fast as the reference, for work of the same size.</summary>
    public double Speed => Reference.Median / Ours.Median;

    /// <summary>How many times the reference's cost.</summary>
    public double Cost => Ours.Median / Reference.Median;

    /// <summary>
    /// Each side once or more without counting, until the code is what a program that runs for longer has: the runtime compiles a method
    /// that is called often again, 100 ms after the last new one. Then in turns; seconds.
    /// </summary>
    public static async Task<Comparison> AlternateAsync(
        int rounds, Func<Task<double>> ours, Func<Task<double>> reference, TimeSpan? warmUp = null)
    {
        var comparison = new Comparison();
        var start = Stopwatch.GetTimestamp();
        do
        {
            await ours();
            await reference();
        }
        while (Stopwatch.GetElapsedTime(start) < (warmUp ?? Usual));
        for (var round = 0; round < rounds; round++)
        {
            comparison.Ours.Add(await ours());
            comparison.Reference.Add(await reference());
        }

        return comparison;
    }

    public static string Rate(double bytes, double seconds) => string.Create(CultureInfo.InvariantCulture, $"{bytes / seconds / 1e9:0.00} GB/s");

    public static string Time(double seconds) => seconds switch
    {
        < 1e-6 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e9:0.0} ns"),
        < 1e-3 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e6:0.00} µs"),
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e3:0.00} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s"),
    };
}
