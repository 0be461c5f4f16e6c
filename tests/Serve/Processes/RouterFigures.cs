using System.Globalization;

namespace Nixl.Sdk.Serve;

/// <summary>What the router exports for Prometheus: series (name and labels as they are written) to value.</summary>
internal sealed class RouterFigures(IReadOnlyDictionary<string, double> series)
{
    internal static RouterFigures Parse(string text)
    {
        Dictionary<string, double> series = new(StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#'))
        {
            var end = line.LastIndexOf(' ');
            series[line[..end]] = double.Parse(line[(end + 1)..], CultureInfo.InvariantCulture);
        }
        return new RouterFigures(series);
    }

    /// <summary>One series with one label; 0 if it is not there: a counter that never counted.</summary>
    internal double Value(string name, string label, string value) => series.GetValueOrDefault($"{name}{{{label}=\"{value}\"}}");

    /// <summary>All series of a name.</summary>
    internal double Sum(string name) =>
        series.Where(entry => entry.Key == name || entry.Key.StartsWith(name + "{", StringComparison.Ordinal)).Sum(entry => entry.Value);

    /// <summary>The values of a name's label.</summary>
    internal IReadOnlyDictionary<string, double> ByLabel(string name, string label)
    {
        var start = $"{name}{{{label}=\"";
        return series.Where(entry => entry.Key.StartsWith(start, StringComparison.Ordinal))
            .ToDictionary(entry => entry.Key[start.Length..^2], entry => entry.Value, StringComparer.Ordinal);
    }
}
