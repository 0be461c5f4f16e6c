namespace Nixl.Sdk.Bench;

/// <summary>Durations of the same work, in seconds.</summary>
internal sealed class Samples
{
    private readonly List<double> _seconds = [];

    public double Median
    {
        get
        {
            var sorted = _seconds.Order().ToArray();
            var middle = sorted.Length / 2;
            return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    public void Add(TimeSpan duration) => _seconds.Add(duration.TotalSeconds);
}
