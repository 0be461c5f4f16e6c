using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>
/// Does the same to a <see cref="BlockPool"/> and to a <see cref="ReferencePool"/>, and compares every block, lease, count and answer after
/// each step. A chooser says what is done next, so that the same steps serve the random histories and the exhaustive ones.
/// </summary>
internal sealed partial class BlockModel : IDisposable
{
    public const int Layers = 3;
    public const int Parts = 2;
    private static readonly ArrivalPlan Plan = ServingPlans.TwoRanks;
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Extension = TimeSpan.FromSeconds(20);
    private readonly PeerIdentity[] _peers = [new("p", 1), new("p", 2), new("q", 1)];
    private readonly HashSet<PeerIdentity> _exited = [];
    private readonly HashSet<BlockLease> _expired = []; // not yet named by a sweep

    // Two prompts that begin alike.
    private static readonly BlockHash[][] Prompts = [[new(1, 1), new(1, 2), new(1, 3)], [new(1, 1), new(2, 2), new(2, 3)]];

    private readonly Func<int, int> _choose;
    private readonly FakeTimeProvider _time = new();
    private readonly BlockPool _pool;
    private readonly ReferencePool _reference;
    private readonly List<ReferenceGrant> _grants = []; // those that have ended too: late messages
    private readonly List<(int Count, BlockHash[] Prefix, Task<BlockLease> Task, CancellationTokenSource Cancel)> _waiting = [];
    private readonly List<(BlockFence Fence, int Number, bool[] Closed)> _fences = [];
    private readonly long[] _refused = new long[7];
    private TimeSpan _now;
    private int _number;

    public BlockModel(int blocks, Func<int, int> choose)
    {
        _choose = choose;
        _pool = new BlockPool(blocks, new BlockPoolOptions { TimeProvider = _time });
        _reference = new ReferencePool(blocks);
    }

    public List<string> History { get; } = [];

    /// <summary>One step of the alphabet; the chooser fills in what it is done to.</summary>
    public void Step(int action)
    {
        switch (action)
        {
            case 0: Reserve(); break;
            case 1: GrantWrite(); break;
            case 2: Arrive(); break;
            case 3: Dispose(PickLease()); break;
            case 4: Confirm(); break;
            case 5: Advance(); break;
            case 6: Exit(); break;
            case 7: Fence(); break;
            case 8: MarkReady(); break;
            case 9: GrantRead(); break;
            case 10: MarkComputed(); break;
            case 11: Publish(); break;
            case 12: Wait(); break;
            case 13: CancelWaiting(); break;
            case 14: Heartbeat(); break;
            case 15: Expire(); break;
            case 16: Extend(); break;
            default: Own(); break;
        }
        Serve();
        Check();
    }

    public const int Actions = 18;

    /// <summary>Everybody lets go: then every block must be free or cached, and nobody waits.</summary>
    public void End()
    {
        while (_waiting.Count > 0) CancelWaiting();
        foreach (var lease in _reference.Leases.ToList()) Dispose(lease);
        foreach (var grant in _grants.Where(grant => grant.IsOpen).ToList())
        {
            if (grant.Real is { } real) Assert.Equal(LeaseAnswer.Accepted, _pool.Confirm(real.Token, real.Peer));
            else grant.Operation!.Quiesced();
            Close(grant);
        }
        Check();
        var end = _pool.Snapshot();
        Assert.Equal(_reference.Blocks, end.Free + end.Cached);
        Assert.Equal((0, 0), (end.OpenGrants, end.Waiting));
    }

    public void Dispose()
    {
        foreach (var waiting in _waiting) waiting.Cancel.Dispose();
        _pool.Dispose();
    }

    private void Check()
    {
        var counts = new int[7];
        for (var block = 0; block < _reference.Blocks; block++)
        {
            var state = _reference.StateOf(block);
            Assert.Equal(state, _pool.StateOf(block));
            counts[(int)state]++;
        }
        var s = _pool.Snapshot();
        Assert.Equal<IEnumerable<int>>(counts, (int[])[s.Free, s.Cached, s.Reserved, s.InFlight, s.Quiesced, s.Ready, s.Quarantined]);
        Assert.Equal(_reference.Blocks, counts.Sum());
        Assert.Equal(_waiting.Count, s.Waiting);
        Assert.Equal<IEnumerable<long>>(_refused, [0, s.RefusedUnknown, s.RefusedStale, s.RefusedNotGranted, s.RefusedExpired, s.RefusedGivenUp, s.RefusedMalformed]);
        foreach (var lease in _reference.Leases)
        {
            Assert.Equal(lease.State, lease.Real.State);
            Assert.Equal(lease.IsExpired, lease.Real.IsExpired);
            if (!lease.IsDisposed) Assert.Equal(lease.Blocks, lease.Real.Blocks.ToArray());
        }
        CheckNoBlockHasTwoOwners();
        CheckQuarantine();
    }

    // Said on its own, without the reference's states: what one lease may have written by others, no other lease has at all.
    private void CheckNoBlockHasTwoOwners()
    {
        foreach (var written in _reference.Leases.Where(lease => lease.Writers.Any()))
            foreach (var block in written.Blocks.Skip(written.Cached))
                Assert.DoesNotContain(_reference.Leases, other => other != written && !other.IsDisposed && other.Blocks.Contains(block));
    }

    private void CheckQuarantine()
    {
        var expected = _grants.Where(grant => grant.IsOpen && grant.Lease.IsUnwanted).GroupBy(grant => grant.Peer).Select(group => new QuarantinedPeer(
            group.Key, group.Select(grant => grant.Lease).Distinct().Count(),
            group.GroupBy(grant => grant.Lease).Sum(grants => grants.First().Access == BlockAccess.Read ? grants.Key.Blocks.Count : grants.Key.Blocks.Count - grants.Key.Cached),
            group.Max(grant => _now - grant.Lease.UnwantedSince)));
        Assert.Equal(expected.OrderBy(peer => peer.ToString()), _pool.GetQuarantine().OrderBy(peer => peer.ToString()));
    }

    // Those who wait, in their order, as far as it goes.
    private void Serve()
    {
        while (_waiting.Count > 0)
        {
            var (count, prefix, task, cancel) = _waiting[0];
            Assert.Equal(_reference.CanTake(count, prefix), task.IsCompleted);
            if (!task.IsCompleted) break;
            _reference.Take(task.Result, count, prefix);
            cancel.Dispose();
            _waiting.RemoveAt(0);
        }
        Assert.All(_waiting, waiting => Assert.False(waiting.Task.IsCompleted));
    }

    private void Close(ReferenceGrant grant)
    {
        ExpireDue(grant.Lease);
        _reference.Release(grant.Lease, () => grant.Lease.Open.Remove(grant));
    }

    private void ExpireIfDue(ReferenceGrant grant)
    {
        if (_now < grant.Deadline || grant.IsExpired || !grant.IsOpen) return;
        grant.IsExpired = true;
        if (!grant.Lease.IsDisposed) _expired.Add(grant.Lease.Real);
        if (grant.Access != BlockAccess.Write) return;
        if (!grant.Lease.IsUnwanted) grant.Lease.UnwantedSince = _now;
        grant.Lease.IsExpired = true;
    }

    private LeaseAnswer Refused(LeaseAnswer answer)
    {
        if (answer != LeaseAnswer.Accepted) _refused[(int)answer]++;
        return answer;
    }

    private ReferenceLease? PickLease() => _reference.Leases.Count == 0 ? null : _reference.Leases[_choose(_reference.Leases.Count)];

    // For a step that asks something of a lease that its owner still has: that notices what has expired.
    private ReferenceLease? PickAsked()
    {
        var lease = PickLease();
        if (lease is { IsDisposed: false }) ExpireDue(lease);
        return lease;
    }

    private void ExpireDue(ReferenceLease lease)
    {
        foreach (var grant in lease.Open.ToList()) ExpireIfDue(grant);
    }

    private ReferenceGrant? PickGrant(Func<ReferenceGrant, bool> which)
    {
        var some = _grants.Where(which).ToList();
        return some.Count == 0 ? null : some[_choose(some.Count)];
    }

    private void Log(string step) => History.Add(step);

    /// <summary>What must succeed does, and what must not throws and changes nothing.</summary>
    private static bool Try(bool allowed, Action act)
    {
        if (allowed) act();
        else Assert.True(Record.Exception(act) is InvalidOperationException or NixlException, "was allowed");
        return allowed;
    }
}
