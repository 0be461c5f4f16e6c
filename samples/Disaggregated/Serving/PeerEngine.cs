using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Another engine in one life of it, kept connected to every own rank; and what was handed over.</summary>
internal sealed class PeerEngine : IAsyncDisposable
{
    private readonly KvPeerLink<KjvBytesKv>[] _links;
    private readonly string _refusal = "";
    private long _askedTokens;
    private long _bytes;
    private long _requests;
    private long _failures;

    /// <summary>Begins to connect.</summary>
    internal PeerEngine(EngineAnnouncement peer, ServingEngineOptions options, string model, IReadOnlyList<EngineAgent> ranks, DirectMetadataExchange exchange)
    {
        Announced = peer;
        if (peer.Model != model)
        {
            _links = [];
            _refusal = $"It has model {peer.Model}; this engine has {model}.";
            return;
        }
        KvPeerRank[] there = [.. peer.Ranks.Select(rank => new KvPeerRank(rank.Agent, rank.Host, rank.Port))];
        var (gives, takes) = Between(options, peer.Role);
        var link = new KvPeerLinkOptions { AttemptTimeout = options.Timeout < TimeSpan.FromSeconds(10) ? options.Timeout : TimeSpan.FromSeconds(10), MaxBackoff = TimeSpan.FromSeconds(5) };
        _links = [.. ranks.Select(rank => new KvPeerLink<KjvBytesKv>(rank.Pool, exchange, there, takes ? rank.Producer : null, gives ? rank.Consumer : null, link))];
    }

    internal EngineAnnouncement Announced { get; }

    internal string Name => Announced.Name;

    /// <summary>Where each own rank gets its part from; null while it is not connected, or gives nothing.</summary>
    internal KvSource[]? Sources
    {
        get
        {
            KvSource[] sources = [.. _links.Select(link => link.Source).OfType<KvSource>()];
            return sources.Length > 0 && sources.Length == _links.Length ? sources : null;
        }
    }

    /// <summary>Of those that give something, or else of those that are connected, the first one; null if there is none.</summary>
    internal RemoteAgent? Agent => _links.Select(link => link.Source?.Ranks[0].Remote).FirstOrDefault(remote => remote is not null)
        ?? _links.SelectMany(link => link.Remotes).FirstOrDefault();

    /// <summary>Tokens of prompts that it was asked for and that have not come.</summary>
    internal long AskedTokens => Interlocked.Read(ref _askedTokens);

    /// <summary>Whether two engines have anything for each other.</summary>
    internal static bool IsComplement(ServingEngineOptions options, EngineRole peer) => Between(options, peer) is { Gives: true } or { Takes: true };

    /// <summary>A prompt is asked for, or (negative) has come or failed.</summary>
    internal void Asked(int tokens) => Interlocked.Add(ref _askedTokens, tokens);

    internal void HandedOver(long bytes)
    {
        Interlocked.Add(ref _bytes, bytes);
        Interlocked.Increment(ref _requests);
    }

    internal void Failed() => Interlocked.Increment(ref _failures);

    internal EnginePeer Report()
    {
        KvPeerLinkStatus[] states = [.. _links.Select(link => link.Status)];
        var state = _refusal.Length > 0 || Array.Exists(states, now => now.State == KvPeerLinkState.Refused) ? "refused"
            : Array.TrueForAll(states, now => now.State == KvPeerLinkState.Connected) ? "connected"
            : Array.Exists(states, now => now.State is KvPeerLinkState.Lost or KvPeerLinkState.Suspect) ? "lost"
            : "connecting";
        var reason = Array.Find(states, now => now.LastFailure is not null)?.LastFailure?.Message ?? _refusal;
        var remote = Agent;
        return new EnginePeer(
            Name, Announced.Incarnation, state, reason.Length > 0 || remote is null ? reason : remote.Reason, remote?.Transport.ToString() ?? "",
            Interlocked.Read(ref _bytes), Interlocked.Read(ref _requests), Interlocked.Read(ref _failures));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var link in _links) await link.DisposeAsync();
    }

    private static (bool Gives, bool Takes) Between(ServingEngineOptions options, EngineRole peer) =>
        (options.IsDecode && peer != EngineRole.Decode, options.IsPrefill && peer != EngineRole.Prefill);
}
