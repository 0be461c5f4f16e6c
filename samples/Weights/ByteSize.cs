using System.Globalization;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>Sizes as people write them.</summary>
internal static class ByteSize
{
    /// <summary>512MiB, 1GiB, 64KiB, 1000000; null for anything else.</summary>
    internal static long? TryParse(string text)
    {
        foreach (var (unit, bytes) in ((string, long)[])[("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("B", 1), ("", 1)])
        {
            if (!text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)) continue;
            var number = text[..^unit.Length].Trim();
            return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= long.MaxValue / bytes ? count * bytes : null;
        }
        return null;
    }

    internal static string Format(long bytes) => bytes switch
    {
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KiB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0.0} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):0.00} GiB"),
    };
}
