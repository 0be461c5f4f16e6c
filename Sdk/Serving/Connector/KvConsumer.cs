using System.Diagnostics;
using Nixl.Sdk.Diagnostics;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Serving;

/// <summary>
/// The decoding side: gets prompts' caches into its own blocks. By push (<see cref="RequestAsync"/>): it lets the producer write and asks for it.
/// By pull (<see cref="PullAsync"/>): it reads what the producer has offered.
/// </summary>
/// <typeparam name="TLayout">A type with <see cref="KvLayoutAttribute"/>.</typeparam>
/// <remarks>Thread-safe. Owns nothing but its place at the connector.</remarks>
[MustDispose("a pool's place at the connector")]
public sealed class KvConsumer<TLayout> : IKvRole, IDisposable
    where TLayout : IKvLayout<TLayout>
{
    private readonly KvConnector _connector;
    private readonly KvOfferBook _offers = new();
    private readonly BlockPool[] _blocks;

    /// <summary>A consumer of one pool.</summary>
    /// <param name="connector">Of the pool's agent.</param>
    /// <param name="pool">Where the caches go.</param>
    /// <param name="blocks">Who owns its blocks, one for each group; their <see cref="BlockPoolOptions.Owner"/> must be the agent. Groups that
    /// share pages (<see cref="KvShare.Overlay"/>) share block ids: give the same one for each of them.</param>
    /// <exception cref="ArgumentException">The pools do not belong together.</exception>
    /// <exception cref="InvalidOperationException">The pool has a consumer already.</exception>
    /// <exception cref="NotSupportedException">The connector's checksums are on, and the pool does not lie in host memory.</exception>
    public KvConsumer(KvConnector connector, KvPool<TLayout> pool, params IReadOnlyList<BlockPool> blocks)
    {
        ArgumentNullException.ThrowIfNull(connector);
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(blocks);
        if (pool.Agent != connector.Agent) throw new ArgumentException($"Pool '{pool.Name}' belongs to agent '{pool.Agent.Name}', the connector to '{connector.Agent.Name}'.", nameof(pool));
        if (blocks.Count != pool.Groups.Length) throw new ArgumentException($"Layout '{pool.Plan.Schema.Name}' has {pool.Groups.Length} groups; {blocks.Count} block pools are given.", nameof(blocks));
        var owner = new PeerIdentity(pool.Agent.Name, pool.Agent.Incarnation);
        for (var group = 0; group < blocks.Count; group++)
        {
            if (blocks[group].Blocks > pool.BlocksOf(group)) throw new ArgumentException($"Block pool '{blocks[group].Name}' has {blocks[group].Blocks} blocks; group {group} of '{pool.Name}' has {pool.BlocksOf(group)}.", nameof(blocks));
            if (blocks[group].Owner != owner) throw new ArgumentException($"Block pool '{blocks[group].Name}' is owned by {blocks[group].Owner}; set BlockPoolOptions.Owner to {owner}, so that late messages are recognised.", nameof(blocks));
        }
        CheckSharedPages(pool, blocks);
        connector.CheckMemory(pool);
        _connector = connector;
        _blocks = [.. blocks];
        Pool = pool;
        connector.Add(this);
    }

    /// <summary>The pool.</summary>
    public KvPool<TLayout> Pool { get; }

    KvMessageKind IKvRole.Accepts => KvMessageKind.Offer;

    string IKvRole.Pool => Pool.Name;

    /// <summary>Where caches come from: all ranks of one producing engine that give this rank something. Once for each engine and life.</summary>
    /// <param name="ranks">The ranks' pools, connected to this one's.</param>
    /// <exception cref="ArgumentException">They do not fill a block exactly; the message names what is missing.</exception>
    public KvSource AddSource(params IReadOnlyList<RemoteKvPool<TLayout>> ranks)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        if (ranks.Count == 0) throw new ArgumentException("A source has at least one rank.", nameof(ranks));
        foreach (var rank in ranks)
            if (rank.Local != Pool) throw new ArgumentException($"The rank at '{rank.Remote.Name}' is connected to another pool than '{Pool.Name}'.", nameof(ranks));
        return new KvSource(Pool, ranks);
    }

    /// <summary>Push: reserves blocks, lets every rank of the source write its part of those that are not cached, and asks for them.</summary>
    /// <param name="source">The producing engine.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="cancellationToken">Gives it up while blocks are waited for and the requests are sent; afterwards use the result.</param>
    /// <returns>What comes. Await it, and dispose what it gives.</returns>
    /// <exception cref="BlocksExhaustedException">No blocks came free in time.</exception>
    /// <exception cref="ArgumentException">The request contradicts itself, or its block ids and payload take more than 4 MiB.</exception>
    /// <exception cref="NixlException">A rank could not be asked.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask<KvReceive> RequestAsync(KvSource source, KvRequest request, CancellationToken cancellationToken = default)
    {
        var deadline = Begin(source, request);
        var span = Span(source, request, isPull: false);
        var leases = await ReserveAsync(source, request, deadline, span, cancellationToken).ConfigureAwait(false);
        var receive = new KvPushReceive(_connector, request, deadline, source, leases, span);
        try
        {
            await receive.SendAsync(request, Pool.Name, cancellationToken).ConfigureAwait(false);
            return receive;
        }
        catch (Exception reason)
        {
            receive.FailToSend(reason);
            throw;
        }
    }

    /// <summary>Pull: waits until every rank of the source has offered the prompt, reserves blocks, and reads those that are not cached.</summary>
    /// <param name="source">The producing engine.</param>
    /// <param name="request">What is wanted; its name is the offers'.</param>
    /// <param name="cancellationToken">Gives it up while offers and blocks are waited for; afterwards use the result.</param>
    /// <returns>What comes. Await it, and dispose what it gives.</returns>
    /// <exception cref="KvHandoverException">It was not offered in time, the offer was withdrawn, or it lacks the checksums that are wanted.</exception>
    /// <exception cref="BlocksExhaustedException">No blocks came free in time.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask<KvReceive> PullAsync(KvSource source, KvRequest request, CancellationToken cancellationToken = default)
    {
        var deadline = Begin(source, request);
        var offers = new List<KvHeld>();
        var span = Span(source, request, isPull: true);
        try
        {
            foreach (var rank in source.Ranks)
                offers.Add(await _offers.TakeAsync(PeerIdentity.Of(rank.Remote), rank.Name, request.Name, _connector.Left(deadline), _connector.Options.TimeProvider, cancellationToken).ConfigureAwait(false));
            if (_connector.Options.Checksums && offers.Find(static offer => !offer.Access.HasChecksums) is { } without)
                throw new KvHandoverException(KvOutcome.Refused, $"'{without.Giver.Name}' offers '{request.Name}' without checksums, and this side wants them. Set KvConnectorOptions.Checksums on both sides.") { Peer = without.Giver.Name };
            var leases = await ReserveAsync(source, request, deadline, span, cancellationToken).ConfigureAwait(false);
            var receive = new KvPullReceive(_connector, request, deadline, source, leases, [.. offers], span);
            receive.Start();
            return receive;
        }
        catch (Exception reason)
        {
            foreach (var offer in offers) offer.End(KvOutcome.Cancelled, reason.Message, default);
            var late = reason is not TimeoutException ? null : new KvHandoverException(
                KvOutcome.TimedOut, $"Not every rank of the source has offered '{request.Name}' within {request.Timeout}; {offers.Count} of {source.Ranks.Count} have.", reason);
            NixlActivities.Failed(span, late ?? reason);
            if (late is not null) throw late;
            throw;
        }
    }

    /// <summary>Leaves the connector. What is on its way goes on.</summary>
    public void Dispose() => _connector.Remove(this);

    internal KvConnector Connector => _connector;

    bool IKvRole.WouldTake(PeerIdentity peer, string pool) => true;

    string? IKvRole.Begin(KvHeld held) => _offers.Add(held);

    // Two owners would give the same bytes to two requests.
    private static void CheckSharedPages(KvPool pool, IReadOnlyList<BlockPool> blocks)
    {
        var groups = pool.Plan.Schema.Groups;
        for (var group = 1; group < groups.Count; group++)
            for (var other = 0; other < group; other++)
                if (groups[group].Share == KvShare.Overlay && SharedPages.ShareTensors(groups[group], groups[other]) && blocks[group] != blocks[other])
                    throw new ArgumentException($"Groups '{groups[other].Name}' and '{groups[group].Name}' lie in the same bytes (Overlay), so one block pool has to give out their blocks; give the same for both.", nameof(blocks));
    }

    // In a pool that serves two groups a hash that both have would find the other's bytes.
    private void CheckHashes(KvRequest request)
    {
        for (var group = 1; group < _blocks.Length; group++)
            for (var other = 0; other < group; other++)
                if (_blocks[group] == _blocks[other] && request.Groups[group].Prefix.Intersect(request.Groups[other].Prefix).Any())
                    throw new ArgumentException($"Request '{request.Name}': groups {other} and {group} have one block pool and the same prefix hash, but not the same bytes. Hash each group with another salt.");
    }

    private long Begin(KvSource source, KvRequest request)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(request);
        ObjectDisposedException.ThrowIf(_connector.IsDisposed, _connector);
        request.Check(_blocks.Length);
        CheckHashes(request);
        if (source.Ranks[0].Local != Pool) throw new ArgumentException("The source belongs to another consumer.", nameof(source));
        return _connector.Clock.After(request.Timeout);
    }

    private Activity? Span(KvSource source, KvRequest request, bool isPull) => !NixlActivities.IsOn ? null : NixlActivities.Handover(
        Pool.Agent.Name, isProducer: false, isPull, request.Name, string.Join(", ", source.Ranks.Select(static rank => rank.Remote.Name)),
        request.Groups.Sum(static group => group.PromptBlocks));

    // If it fails, the hand-over has failed.
    private async ValueTask<BlockLease[]> ReserveAsync(KvSource source, KvRequest request, long deadline, Activity? span, CancellationToken cancellationToken)
    {
        var step = span is null ? null : NixlActivities.Step(span, "nixl.kv.reserve", request.Groups.Sum(static group => group.Blocks));
        var leases = new List<BlockLease>();
        try
        {
            for (var group = 0; group < _blocks.Length; group++)
            {
                var wanted = request.Groups[group];
                var lease = await _blocks[group].ReserveAsync(wanted.Blocks, _connector.Left(deadline), cancellationToken, [.. wanted.Prefix]).ConfigureAwait(false);
                leases.Add(lease);
                if (lease.CachedBlocks > wanted.PromptBlocks) throw new ArgumentException($"Request '{request.Name}': there are more prefix hashes than blocks of the prompt.");
                if (lease.State != BlockState.Ready) lease.Expect(source.Plans[group], wanted.PromptBlocks, request.Policy);
            }
            step?.SetTag("nixl.kv.blocks.cached", leases.Sum(static lease => lease.CachedBlocks));
            NixlActivities.End(step, KvOutcome.Completed, 0);
            return [.. leases];
        }
        catch (Exception reason)
        {
            NixlActivities.Failed(step, reason);
            NixlActivities.Failed(span, reason);
            foreach (var lease in leases) lease.Dispose();
            throw;
        }
    }
}
