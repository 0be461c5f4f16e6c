using Nixl.Sdk.Hosting;

namespace Nixl.Sdk.Serving;

/// <summary>The links of one pool of a host to the engines that its configuration names (<see cref="NixlOptions.Peers"/>). Made by
/// <c>AddKvPeers</c>, which connects them with the host and disposes them before producers and consumers.</summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>Immutable, thread-safe. Owns the links.</remarks>
[MustDispose("connections to remote engines")]
public sealed class KvPeerLinks<TLayout> : IAsyncDisposable
    where TLayout : IKvLayout<TLayout>
{
    private readonly Dictionary<string, KvPeerLink> _links = new(StringComparer.Ordinal);

    internal KvPeerLinks(IReadOnlyDictionary<string, string[]> peers, Func<KvPeerRank[], KvPeerLink<TLayout>> connect)
    {
        foreach (var (engine, ranks) in peers) _links.Add(engine, connect([.. ranks.Select(static agent => new KvPeerRank(agent))]));
    }

    /// <summary>By the engines' names. Their states are for the engine's scheduler and for health pages.</summary>
    public IReadOnlyDictionary<string, KvPeerLink> Links => _links;

    /// <summary>Whether every engine is connected now.</summary>
    public bool AreConnected => _links.Values.All(static link => link.State == KvPeerLinkState.Connected);

    /// <summary>Disposes the links, all at once. Again: no effect.</summary>
    public async ValueTask DisposeAsync() => await Task.WhenAll(_links.Values.Select(static link => link.DisposeAsync().AsTask())).ConfigureAwait(false);
}
