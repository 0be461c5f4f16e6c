namespace Nixl.Sdk.Serving;

/// <summary>
/// A straight line through the last observations, which a quarter of them cannot bend: the median of the slopes between all pairs that are
/// far enough apart (Theil and Sen), and the median of what is left. Older observations are forgotten, so that it follows a change.
/// </summary>
/// <remarks>Thread-safe. Fits when it is told something, so that asking costs a lock. Allocates nothing.</remarks>
internal sealed class RunningRate
{
    /// <summary>Observations that are remembered.</summary>
    public const int Window = 32;

    private readonly Lock _sync = new();
    private readonly double[] _units = new double[Window];
    private readonly double[] _seconds = new double[Window];
    private readonly double _overhead; // where all units are alike, so that it cannot be told
    private long _seen;
    private KvRate _rate;

    public RunningRate(TimeSpan overhead = default) => _overhead = overhead.TotalSeconds;

    /// <summary>The line, and how many observations it has; none before the first.</summary>
    public KvRate Read(out int observations)
    {
        lock (_sync)
        {
            observations = (int)Math.Min(_seen, Window);
            return _rate;
        }
    }

    public void Observe(double units, TimeSpan duration)
    {
        lock (_sync)
        {
            var at = (int)(_seen++ % Window);
            _units[at] = units;
            _seconds[at] = Math.Max(duration.TotalSeconds, 1e-7); // a clock's tick: faster cannot be seen
            _rate = Fit((int)Math.Min(_seen, Window));
        }
    }

    private KvRate Fit(int count)
    {
        Span<double> slopes = stackalloc double[Window * (Window - 1) / 2];
        var pairs = 0;
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                // Between neighbours noise is all there is.
                var apart = _units[i] - _units[j];
                if (Math.Abs(apart) >= 0.25 * Math.Max(_units[i], _units[j])) slopes[pairs++] = (_seconds[i] - _seconds[j]) / apart;
            }
        }
        if (pairs < count) return ThroughOverhead(count, _overhead);
        var perUnit = Math.Max(0, Median(slopes[..pairs]));
        Span<double> rest = stackalloc double[count];
        for (var i = 0; i < count; i++) rest[i] = _seconds[i] - (perUnit * _units[i]);
        var overhead = Median(rest);
        return overhead >= 0 ? KvRate.OfLine(overhead, perUnit) : ThroughOverhead(count, 0);
    }

    private KvRate ThroughOverhead(int count, double overhead)
    {
        Span<double> each = stackalloc double[count];
        for (var i = 0; i < count; i++) each[i] = Math.Max(0, _seconds[i] - overhead) / _units[i];
        return KvRate.OfLine(overhead, Median(each));
    }

    private static double Median(Span<double> values)
    {
        values.Sort();
        var middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}
