namespace Nixl.Sdk.Serving;

/// <summary>Which bytes of one layer of one block have come, where they come in pieces. Sorted, apart from each other.</summary>
/// <remarks>Not thread-safe: the pool's lock guards it.</remarks>
internal sealed class ByteRanges
{
    private readonly List<(long Start, long End)> _ranges = [];

    /// <summary>Separate ranges.</summary>
    public int Count => _ranges.Count;

    /// <summary>Returns how many more ranges there are now: at most 1, and less where it joins some.</summary>
    public int Add(long start, long end)
    {
        var at = 0;
        while (at < _ranges.Count && _ranges[at].End < start)
            at++;
        var last = at;
        while (last < _ranges.Count && _ranges[last].Start <= end)
        {
            start = Math.Min(start, _ranges[last].Start);
            end = Math.Max(end, _ranges[last].End);
            last++;
        }
        _ranges.RemoveRange(at, last - at);
        _ranges.Insert(at, (start, end));
        return 1 - (last - at);
    }

    public bool Covers(long length) => _ranges.Count == 1 && _ranges[0].Start == 0 && _ranges[0].End == length;

    /// <summary>The first bytes of <paramref name="length"/> that have not come.</summary>
    public (long Start, long End) FirstGap(long length)
    {
        if (_ranges[0].Start > 0)
            return (0, _ranges[0].Start);
        return (_ranges[0].End, _ranges.Count > 1 ? _ranges[1].Start : length);
    }
}
