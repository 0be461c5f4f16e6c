namespace Nixl.Sdk.Bench.Measuring;

/// <summary>Measurements of the same work, in seconds.</summary>
internal sealed class Measurements
{
    private readonly List<double> _values = [];

    public int Count => _values.Count;

    public double Median => Quantile(0.5);

    public void Add(TimeSpan duration) => Add(duration.TotalSeconds);

    public void Add(double seconds) => _values.Add(seconds);

    /// <summary>Between the two nearest where it falls between two.</summary>
    public double Quantile(double share)
    {
        if (_values.Count == 0)
            return double.NaN;
        var sorted = _values.Order().ToArray();
        var at = share * (sorted.Length - 1);
        var (below, above) = (sorted[(int)Math.Floor(at)], sorted[(int)Math.Ceiling(at)]);
        return below + (above - below) * (at - Math.Floor(at));
    }
}
