namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The transfer rate of every pair of engines over the last minute, from the counters in the statuses of those that receive. Thread-safe.</summary>
internal sealed class LinkRates(LiveFeed feed)
{
    private const int Points = 150, Limit = 1024;
    private const double ForgottenAfter = 60_000; // nobody speaks of it any more, and the page has no point of it left

    private readonly Lock _lock = new();
    private readonly Dictionary<(string From, string To), Link> _links = [];

    /// <summary>Takes an engine's counters.</summary>
    internal void Add(EngineStatus status) => Add(status, Clock.Now);

    /// <summary>Takes an engine's counters.</summary>
    /// <param name="status">The engine.</param>
    /// <param name="now">When, in milliseconds.</param>
    internal void Add(EngineStatus status, double now)
    {
        if (status.Role == EngineRole.Prefill) return;
        lock (_lock)
        {
            foreach (var (pair, link) in _links) if (now - link.At > ForgottenAfter) _links.Remove(pair);
            foreach (var peer in status.Peers)
            {
                if (!_links.TryGetValue((peer.Name, status.Name), out var link))
                {
                    if (peer.Bytes == 0 || _links.Count >= Limit) continue;
                    _links.Add((peer.Name, status.Name), link = new Link());
                }
                link.Add($"{status.Incarnation}/{peer.Incarnation}", peer.Bytes, now, feed.NextVersion());
            }
        }
    }

    /// <summary>The points that are newer than a version.</summary>
    internal LiveLink[] Since(long version)
    {
        lock (_lock)
        {
            return [.. _links.Where(link => link.Value.Newest > version).Select(link =>
            {
                var points = link.Value.Rates.Where(point => point.Version > version).ToArray();
                return new LiveLink(
                    link.Key.From, link.Key.To, [.. points.Select(point => point.At)], [.. points.Select(point => point.Rate)], link.Value.Total);
            })];
        }
    }

    private sealed class Link
    {
        private string _life = "";
        private long _bytes;
        private double _at;

        internal Queue<(long Version, double At, double Rate)> Rates { get; } = new();

        internal double At => _at;

        internal long Newest { get; private set; }

        internal long Total { get; private set; }

        internal void Add(string life, long bytes, double now, long version)
        {
            // A counter that belongs to another life of either engine began at 0.
            var moved = bytes - (life == _life ? _bytes : 0);
            var rate = _at > 0 && now > _at ? Math.Max(0, moved) / (now - _at) * 1000 : 0;
            (_life, _bytes, _at, Newest) = (life, bytes, now, version);
            Total += Math.Max(0, moved);
            Rates.Enqueue((version, now, rate));
            if (Rates.Count > Points) Rates.Dequeue();
        }
    }
}
