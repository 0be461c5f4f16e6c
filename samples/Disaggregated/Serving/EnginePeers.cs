using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The engines that this one is to know, and its connections to them. Thread-safe.</summary>
internal sealed class EnginePeers(ServingEngineOptions options, string model, IReadOnlyList<EngineAgent> ranks, DirectMetadataExchange exchange) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PeerEngine> _peers = new(StringComparer.Ordinal);
    private readonly List<Task> _leaving = [];
    private bool _disposed;

    /// <summary>The whole list from now on; the connections follow in the background.</summary>
    internal void Set(IReadOnlyList<EngineAnnouncement> wanted)
    {
        lock (_lock)
        {
            if (_disposed) return;
            _leaving.RemoveAll(task => task.IsCompleted);
            // By name: who was started anew is another engine, and the old one is gone.
            var now = wanted.Where(peer => peer.Name != options.Name && PeerEngine.IsComplement(options, peer.Role)).DistinctBy(peer => peer.Name).ToDictionary(peer => peer.Name);
            foreach (var (name, peer) in _peers.ToList())
                if (!now.TryGetValue(name, out var same) || !IsSame(peer.Announced, same)) Drop(name);
            foreach (var (name, peer) in now)
                if (!_peers.ContainsKey(name)) _peers.Add(name, new PeerEngine(peer, options, model, ranks, exchange));
        }
    }

    /// <summary>The engine of this name, connected or not; null if it is not to be known.</summary>
    internal PeerEngine? Find(string name)
    {
        lock (_lock) return _peers.GetValueOrDefault(name);
    }

    /// <summary>An agent that caches come from, or go to; null if there is none.</summary>
    internal RemoteAgent? FindAgent()
    {
        lock (_lock) return _peers.Values.Select(peer => peer.Agent).FirstOrDefault(agent => agent is not null);
    }

    internal EnginePeer[] Report()
    {
        lock (_lock) return [.. _peers.Values.Select(peer => peer.Report())];
    }

    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var name in _peers.Keys.ToList()) Drop(name);
        }
        await Task.WhenAll(_leaving);
    }

    private void Drop(string name)
    {
        _peers.Remove(name, out var peer);
        _leaving.Add(peer!.DisposeAsync().AsTask());
    }

    private static bool IsSame(EngineAnnouncement known, EngineAnnouncement wanted) =>
        known.Incarnation == wanted.Incarnation && known.Model == wanted.Model && known.Role == wanted.Role && known.Ranks.SequenceEqual(wanted.Ranks);
}
