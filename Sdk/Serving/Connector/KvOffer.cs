using System.Diagnostics;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>Blocks that one consumer may read. Their lease cannot become free before this has ended.</summary>
/// <remarks>
/// <code>
/// offered ──┬─ the consumer has read it ──────────────→ Completed
///           ├─ the consumer gives it up ──────────────→ Cancelled, Failed, Refused
///           ├─ Dispose, deadline, no heartbeats ──────→ asked to stop; held until the consumer confirms
///           └─ connection gone ───────────────────────→ PeerLost; held until the consumer's exit is known
/// </code>
/// Thread-safe.
/// </remarks>
[MustDispose("a peer's permission to read blocks")]
public sealed class KvOffer : IKvLinkOwner, IDisposable
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _untouched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly KvConnector _connector;
    private readonly long _deadline;
    private readonly long _began;
    private Activity? _span;
    private KvLink? _link;

    internal KvOffer(KvConnector connector, KvOfferOptions options)
    {
        _connector = connector;
        _began = connector.Clock.Now;
        _deadline = connector.Clock.After(options.Timeout);
        Name = options.Name;
        // A failure that nobody asks for is none of the finalizer's business.
        _ended.Task.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>The engines' name of the request.</summary>
    public string Name { get; }

    long IKvLinkOwner.Deadline => _deadline;

    bool IKvLinkOwner.HasEnded => _ended.Task.IsCompleted;

    /// <summary>Waits until the consumer has read everything; ends at the latest at the offer's deadline. Can be called again.</summary>
    /// <param name="cancellationToken">Ends the waiting only.</param>
    /// <exception cref="KvHandoverException">It has not, and will not; the message says why.</exception>
    public ValueTask WaitAsync(CancellationToken cancellationToken = default) => new(_ended.Task.WaitAsync(cancellationToken));

    /// <summary>Withdraws the offer and waits until the consumer can read no more.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <param name="cancellationToken">Ends the waiting only.</param>
    /// <returns>False if the consumer has not confirmed in time: the blocks are held until it does, or has exited.</returns>
    public async ValueTask<bool> CancelAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        KvNames.Check(timeout);
        Dispose();
        try
        {
            await _untouched.Task.WaitAsync(timeout, _connector.Options.TimeProvider, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Withdraws the offer if it has not ended. Never blocks; the blocks are held until the consumer confirms.</summary>
    public void Dispose()
    {
        Fail(new KvHandoverException(KvOutcome.Cancelled, $"The offer '{Name}' was withdrawn."));
        if (Volatile.Read(ref _link) is { } link) _connector.SendCancel(link);
    }

    internal async ValueTask SendAsync(RemoteKvPool consumer, KvPool pool, KvOfferOptions options, IReadOnlyList<BlockLease> leases, CancellationToken cancellationToken)
    {
        var (grants, groups) = (new List<LeaseGrant>(), new List<KvAccessGroup>());
        var peer = PeerIdentity.Of(consumer.Remote);
        if (NixlActivities.IsOn)
            _span = NixlActivities.Handover(_connector.Agent.Name, isProducer: true, isPull: true, Name, peer.Name, leases.Sum(static lease => lease.Blocks.Length));
        try
        {
            for (var group = 0; group < leases.Count; group++)
            {
                var grant = leases[group].GrantRead(peer);
                grants.Add(grant);
                groups.Add(new KvAccessGroup(pool.Groups[group].Plan.Schema.Name, grant.Token.Value, 0, leases[group].Blocks.ToArray(), [], 0)
                {
                    Sums = _connector.Options.Checksums ? SumsOf(consumer, group, leases[group]) : [],
                });
            }
        }
        catch (Exception reason)
        {
            NixlActivities.Failed(_span, reason);
            foreach (var grant in grants) grant.Lease.Pool.Confirm(grant.Token, peer); // of which it was never told
            _connector.ThrowIfExited(consumer.Remote); // the pool refuses those, too
            throw;
        }
        var link = _link = new KvLink(KvConnector.DrawId(), consumer.Remote, this, [.. grants]);
        _connector.Given(link);
        byte[][] message;
        try
        {
            message = KvMessageCodec.EncodeInParts(new KvAccessMessage(
                KvMessageKind.Offer, link.Id, consumer.Name, pool.Name, Name, leases[0].Pool.HeartbeatInterval, options.Timeout, groups, options.Payload)
            {
                HasChecksums = _connector.Options.Checksums,
            });
        }
        catch (Exception reason)
        {
            NixlActivities.Failed(_span, reason);
            _connector.NeverSent(link);
            throw;
        }
        try
        {
            await _connector.SendNowAsync(consumer.Remote, message, _deadline, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception reason)
        {
            NixlActivities.Failed(_span, reason);
            Dispose(); // it may have got it after all
            throw;
        }
    }

    void IKvLinkOwner.Wrote(KvLink link)
    {
        // Readers write nothing; what claims to is refused by the lease.
    }

    IReadOnlyList<(int Layer, int Block)>? IKvLinkOwner.Compare(KvLink link, KvWroteMessage wrote, long bytes) => null; // nor has it anything to compare

    /// <summary>Of all that the consumer can read: its blocks of each layer that this rank gives it.</summary>
    private static ulong[] SumsOf(RemoteKvPool consumer, int group, BlockLease lease)
    {
        if (consumer.PartGiven(group) is null) return [];
        var made = consumer.SumsOf(TransferOperation.Write, group);
        var sums = new ulong[checked(made.Layers * made.TargetBlocks(lease.Blocks.Length))];
        made.Compute(0, made.Layers, lease.Blocks, sums);
        return sums;
    }

    void IKvLinkOwner.Ended(KvLink link, KvEndMessage end)
    {
        if (end.Outcome != KvOutcome.Completed) Fail(new KvHandoverException(end.Outcome, $"'{link.Peer.Name}' did not read '{Name}' ({end.Outcome}): {end.Reason}") { Peer = link.Peer.Name });
        else if (_ended.TrySetResult()) Count(KvOutcome.Completed, null);
    }

    void IKvLinkOwner.Closed(KvLink link) => _untouched.TrySetResult();

    void IKvLinkOwner.Fail(KvHandoverException reason) => Fail(reason);

    private void Fail(KvHandoverException reason)
    {
        if (_ended.TrySetException(reason)) Count(reason.Outcome, reason.Message);
    }

    private void Count(KvOutcome outcome, string? why) => _connector.Ended(isProducer: true, isPull: true, outcome, 0, _began, _span, why);
}
