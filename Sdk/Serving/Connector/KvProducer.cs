using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Nixl.Sdk.Serving;

/// <summary>
/// The prefilling side: gives prompts' caches to consumers. By push (<see cref="ReadRequestsAsync"/>): it writes what they ask for. By pull
/// (<see cref="OfferAsync"/>): it lets them read, and knows when all have.
/// </summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>Thread-safe. Owns nothing but its place at the connector.</remarks>
[MustDispose("a pool's place at the connector")]
public sealed class KvProducer<TLayout> : IKvRole, IDisposable
    where TLayout : IKvLayout<TLayout>
{
    private readonly ConcurrentDictionary<(PeerIdentity Peer, string Pool), RemoteKvPool<TLayout>> _consumers = new();
    private readonly Channel<KvPush> _requests = Channel.CreateUnbounded<KvPush>(); // what is in it has a place each, of which there are not more
    private readonly KvConnector _connector;

    /// <summary>A producer from one pool.</summary>
    /// <param name="connector">Of the pool's agent.</param>
    /// <param name="pool">Where the caches are computed.</param>
    /// <exception cref="ArgumentException">They belong to different agents.</exception>
    /// <exception cref="InvalidOperationException">The pool has a producer already.</exception>
    /// <exception cref="NotSupportedException">The connector's checksums are on, and the pool does not lie in host memory.</exception>
    public KvProducer(KvConnector connector, KvPool<TLayout> pool)
    {
        ArgumentNullException.ThrowIfNull(connector);
        ArgumentNullException.ThrowIfNull(pool);
        if (pool.Agent != connector.Agent) throw new ArgumentException($"Pool '{pool.Name}' belongs to agent '{pool.Agent.Name}', the connector to '{connector.Agent.Name}'.", nameof(pool));
        connector.CheckMemory(pool);
        _connector = connector;
        Pool = pool;
        connector.Add(this);
    }

    /// <summary>The pool.</summary>
    public KvPool<TLayout> Pool { get; }

    KvMessageKind IKvRole.Accepts => KvMessageKind.Request;

    string IKvRole.Pool => Pool.Name;

    /// <summary>Serves a consumer's pool from now on. Once for each rank of each consuming engine and life.</summary>
    /// <param name="consumer">The consumer's pool, connected to this one's.</param>
    public void AddConsumer(RemoteKvPool<TLayout> consumer)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        if (consumer.Local != Pool) throw new ArgumentException($"The pool at '{consumer.Remote.Name}' is connected to another pool than '{Pool.Name}'.", nameof(consumer));
        _consumers[(PeerIdentity.Of(consumer.Remote), consumer.Name)] = consumer;
    }

    /// <summary>Serves a consumer's pool no longer; what is on its way goes on.</summary>
    /// <param name="consumer">The consumer's pool.</param>
    public void RemoveConsumer(RemoteKvPool<TLayout> consumer)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        _consumers.TryRemove(new((PeerIdentity.Of(consumer.Remote), consumer.Name), consumer));
    }

    /// <summary>All requests of consumers from now on, in order. Those that end before they are read (deadline, cancel) are left out.</summary>
    /// <param name="cancellationToken">Ends the stream with <see cref="OperationCanceledException"/>.</param>
    /// <returns>Accept or dispose each one: its consumer's blocks are locked until then.</returns>
    public async IAsyncEnumerable<KvPush> ReadRequestsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var request in _requests.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            request.LeaveQueue();
            if (request.TryTake()) yield return request;
        }
    }

    /// <summary>Pull: lets a consumer read blocks, and tells it. The blocks are held until it has read them, says that it will not, or has
    /// exited; dispose the lease whenever the engine does not need it any more. For several consumers make an offer each.</summary>
    /// <param name="consumer">The consumer's pool.</param>
    /// <param name="offer">Name, deadline, payload.</param>
    /// <param name="leases">The blocks of each group, from the prompt's first token.</param>
    /// <param name="cancellationToken">Ends the telling.</param>
    /// <returns>What becomes of it. Await it, and dispose what it gives.</returns>
    /// <exception cref="InvalidOperationException">A lease may not be read.</exception>
    /// <exception cref="ArgumentException">The offer's block ids and payload take more than 4 MiB.</exception>
    /// <exception cref="NixlException">The consumer could not be told.</exception>
    public async ValueTask<KvOffer> OfferAsync(RemoteKvPool<TLayout> consumer, KvOfferOptions offer, IReadOnlyList<BlockLease> leases, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        ArgumentNullException.ThrowIfNull(offer);
        ArgumentNullException.ThrowIfNull(leases);
        ObjectDisposedException.ThrowIf(_connector.IsDisposed, _connector);
        offer.Check();
        if (leases.Count != Pool.Groups.Length) throw new ArgumentException($"Layout '{Pool.Plan.Schema.Name}' has {Pool.Groups.Length} groups; {leases.Count} leases are given.", nameof(leases));
        var given = new KvOffer(_connector, offer);
        await given.SendAsync(consumer, Pool, offer, leases, cancellationToken).ConfigureAwait(false);
        return given;
    }

    /// <summary>Leaves the connector and refuses the requests that nobody has read. What is on its way goes on.</summary>
    public void Dispose()
    {
        _connector.Remove(this);
        _requests.Writer.TryComplete();
        while (_requests.Reader.TryRead(out var request))
        {
            request.LeaveQueue();
            request.Refuse($"the producer of pool '{Pool.Name}' is closed");
        }
    }

    internal KvConnector Connector => _connector;

    bool IKvRole.WouldTake(PeerIdentity peer, string pool) => _consumers.ContainsKey((peer, pool));

    string? IKvRole.Begin(KvHeld held)
    {
        if (!_consumers.TryGetValue((held.Identity, held.Access.FromPool), out var consumer))
            return $"'{held.Giver.Name}' is no consumer of '{Pool.Agent.Name}' (AddConsumer)";
        if (held.Access.HasChecksums && BlockSums.Problem(Pool.Name, Pool.Groups) is { } unreadable) return $"checksums are asked for, and {unreadable}";
        if (KvPushPlan.Make(consumer, held.Access, out var problem) is not { } plan) return problem;
        return _requests.Writer.TryWrite(new KvPush(_connector, held, consumer, plan)) ? null : $"the producer of pool '{Pool.Name}' is closed";
    }
}
