using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Keeps all ranks of one remote engine connected to one local pool, for its producer, its consumer, or both. An engine with several ranks of
/// its own has one link for each of them and each remote engine.
/// </summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>
/// <para>Thread-safe; see <see cref="KvPeerLink"/> for the states. Each rank is connected by a task of its own: those that are still there stay
/// connected while one is lost.</para>
/// <para>Owns the connected pools, not the agent, the exchange, the producer and the consumer: dispose it before those.</para>
/// </remarks>
public sealed class KvPeerLink<TLayout> : KvPeerLink
    where TLayout : IKvLayout<TLayout>
{
    private readonly Lock _sync = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly KvPeerLinkOptions _options;
    private readonly KvProducer<TLayout>? _producer;
    private readonly KvConsumer<TLayout>? _consumer;
    private readonly KvRankLink<TLayout>[] _ranks;
    private readonly Task _running;
    private Exception? _lastFailure;
    private bool _wasConnected;
    private bool _disposed;

    /// <summary>Begins to connect; returns at once.</summary>
    /// <param name="pool">The local pool.</param>
    /// <param name="exchange">Where the ranks' metadata is had. With a <see cref="DirectMetadataExchange"/> a rank may name host and port.</param>
    /// <param name="ranks">All ranks of the remote engine.</param>
    /// <param name="producer">Serves the engine's ranks while they are connected; null if this pool gives nothing.</param>
    /// <param name="consumer">Makes <see cref="KvPeerLink.Source"/> of the ranks that give this one something; null if it gets nothing.</param>
    /// <param name="options">Pauses and deadlines.</param>
    /// <exception cref="ArgumentException">No ranks, one twice, or what does not belong together.</exception>
    public KvPeerLink(
        KvPool<TLayout> pool, IMetadataExchange exchange, IReadOnlyList<KvPeerRank> ranks, KvProducer<TLayout>? producer = null,
        KvConsumer<TLayout>? consumer = null, KvPeerLinkOptions? options = null)
        : base(Check(pool), Check(ranks, exchange))
    {
        if (producer is not null && producer.Pool != pool) throw new ArgumentException($"The producer is of pool '{producer.Pool.Name}', the link of '{pool.Name}'.", nameof(producer));
        if (consumer is not null && consumer.Pool != pool) throw new ArgumentException($"The consumer is of pool '{consumer.Pool.Name}', the link of '{pool.Name}'.", nameof(consumer));
        _options = options ?? new KvPeerLinkOptions();
        _options.Check();
        (_producer, _consumer) = (producer, consumer);
        _ranks = [.. Ranks.Select(rank => new KvRankLink<TLayout>(pool, exchange, rank, _options, this))];
        Start();
        _running = Task.WhenAll(_ranks.Select(rank => Task.Run(() => rank.RunAsync(_stop.Token))));
    }

    internal KvConnector? Connector => _consumer?.Connector ?? _producer?.Connector;

    internal bool Consumes => _consumer is not null;

    internal bool Produces => _producer is not null;

    /// <summary>Whether a rank that ends now ends because of us.</summary>
    internal bool IsEnding => _stop.IsCancellationRequested;

    private protected override TimeProvider Time => _options.TimeProvider;

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        lock (_sync)
        {
            if (_disposed) return;
            _disposed = true;
            Refresh();
        }
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false); // every wait in there ends with the token
        _stop.Dispose();
    }

    /// <summary>A rank is there. False if nobody wants it any more.</summary>
    internal bool Connected(RemoteKvPool<TLayout> pool)
    {
        lock (_sync)
        {
            if (_disposed) return false;
            _producer?.AddConsumer(pool);
            Refresh();
            return true;
        }
    }

    /// <summary>A rank is gone, or the link ends: nothing new begins with it.</summary>
    internal void Dropped(RemoteKvPool<TLayout> pool, Exception reason)
    {
        lock (_sync)
        {
            _producer?.RemoveConsumer(pool);
            if (!_disposed) _lastFailure = reason;
            Refresh();
        }
    }

    /// <summary>An attempt has failed.</summary>
    internal void Failed(Exception reason)
    {
        lock (_sync)
        {
            _lastFailure = reason;
            Refresh();
        }
    }

    /// <summary>Something of a rank has changed.</summary>
    internal void Look()
    {
        lock (_sync) Refresh();
    }

    // Under the lock.
    private void Refresh()
    {
        var pools = _ranks.Select(static rank => rank.Pool).OfType<RemoteKvPool<TLayout>>().ToArray();
        var state = StateOf(pools, out var source);
        if (state == KvPeerLinkState.Connected) (_wasConnected, _lastFailure) = (true, null);
        var status = new KvPeerLinkStatus(state, pools.Length, _ranks.Length, _ranks.Sum(static rank => rank.Attempts), _ranks.Sum(static rank => rank.Losses), _lastFailure);
        Publish(status, source, state == KvPeerLinkState.Disposed ? [] : [.. pools.Select(static pool => pool.Remote)]);
    }

    private KvPeerLinkState StateOf(RemoteKvPool<TLayout>[] pools, out KvSource? source)
    {
        source = null;
        if (_disposed) return KvPeerLinkState.Disposed;
        if (_ranks.Any(static rank => rank.IsRefused)) return KvPeerLinkState.Refused;
        if (!_ranks.All(static rank => rank.IsReady)) return _wasConnected ? KvPeerLinkState.Lost : KvPeerLinkState.Connecting;
        if (_ranks.Any(static rank => rank.IsSuspect)) return KvPeerLinkState.Suspect;
        try
        {
            if (_consumer is not null && !_ranks.Any(static rank => rank.Serves) && _producer is not null) return KvPeerLinkState.Connected; // it only consumes
            if (_consumer is not null) source = KeepOrMake(pools);
            return KvPeerLinkState.Connected;
        }
        catch (ArgumentException problem)
        {
            _lastFailure = problem;
            return KvPeerLinkState.Refused;
        }
    }

    // As long as the ranks live it is the same one.
    private KvSource KeepOrMake(RemoteKvPool<TLayout>[] pools)
    {
        // A rank of the same placement has all that this one needs; else those that give it something.
        var same = Array.Find(pools, static pool => pool.Route(TransferOperation.Read) is null);
        var giving = same is not null ? [same] : Array.FindAll(pools, static pool => !pool.Route(TransferOperation.Read)!.IsEmpty);
        if (Source is { } present && present.Ranks.SequenceEqual(giving)) return present;
        if (giving.Length == 0) throw new ArgumentException($"No rank of {string.Join(", ", pools.Select(static pool => $"'{pool.Remote.Name}'"))} gives pool '{Local.Name}' anything; name all ranks of the engine.");
        return _consumer!.AddSource(giving);
    }

    private static KvPool<TLayout> Check(KvPool<TLayout> pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        return pool;
    }

    private static KvPeerRank[] Check(IReadOnlyList<KvPeerRank> ranks, IMetadataExchange exchange)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentNullException.ThrowIfNull(exchange);
        if (ranks.Count == 0) throw new ArgumentException("An engine has at least one rank.", nameof(ranks));
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rank in ranks)
        {
            ExchangeChecks.Name(rank.Agent);
            if (!names.Add(rank.Agent)) throw new ArgumentException($"Rank '{rank.Agent}' is named twice.", nameof(ranks));
            if (rank.Host is null) continue;
            if (exchange is not DirectMetadataExchange) throw new ArgumentException($"Rank '{rank.Agent}' names host and port; only a DirectMetadataExchange asks there.", nameof(ranks));
            _ = DirectMetadataExchange.MakeEndpoint(rank.Host, rank.Port);
        }
        return [.. ranks];
    }
}
