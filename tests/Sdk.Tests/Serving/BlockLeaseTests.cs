using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>The states of a lease, and what cannot be done in each.</summary>
public sealed class BlockLeaseTests : IDisposable
{
    private static readonly PeerIdentity Prefill = new("prefill", 1);
    private static readonly PeerIdentity Decode = new("decode", 2);
    private readonly BlockPool _pool = new(8);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void The_whole_way_of_a_lease_that_is_written_by_two_ranks()
    {
        var lease = _pool.TryReserve(3)!;
        Assert.Equal(BlockState.Reserved, lease.State);
        lease.Expect(ServingPlans.TwoRanks, 2); // the third block is for the answer
        var (a, b) = (lease.GrantWrite(Prefill, 0), lease.GrantWrite(Decode, 1));
        Assert.Equal((BlockState.InFlight, 3), (lease.State, _pool.Snapshot().InFlight));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Deliver(a, ServingPlans.TwoRanks, 0, 2));
        Assert.Equal((false, true, BlockState.InFlight), (a.IsOpen, b.IsOpen, lease.State));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Deliver(b, ServingPlans.TwoRanks, 0, 1));
        Assert.Equal(LeaseAnswer.Accepted, _pool.Deliver(b, ServingPlans.TwoRanks, 1, 1));
        Assert.Equal((BlockState.Quiesced, 3), (lease.State, _pool.Snapshot().Quiesced));
        lease.MarkReady(lease.GetArrival());
        Assert.Equal((BlockState.Ready, 3), (lease.State, _pool.Snapshot().Ready));
        var reader = lease.GrantRead(Decode);
        Assert.Equal(BlockState.InFlight, lease.State);
        Assert.Equal(LeaseAnswer.Accepted, _pool.Confirm(reader.Token, Decode));
        Assert.Equal(BlockState.Ready, lease.State);
        lease.Dispose();
        Assert.Equal((BlockState.Free, 8), (lease.State, _pool.Snapshot().Free));
    }

    [Fact]
    public void Nothing_but_a_complete_arrival_makes_a_written_lease_ready()
    {
        using var lease = Written(out var grant);
        Assert.Throws<InvalidOperationException>(lease.MarkComputed);
        Assert.Contains("1 writers have not ended", Assert.Throws<InvalidOperationException>(lease.GetArrival).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => lease.GrantRead(Decode));
        _pool.Confirm(grant.Token, Prefill); // a cancelled writer
        Assert.Throws<InvalidOperationException>(lease.MarkComputed);
        Assert.Throws<InvalidOperationException>(() => lease.GrantRead(Decode));
        var arrival = lease.GetArrival();
        Assert.False(arrival.IsComplete);
        var error = Assert.Throws<IncompleteArrivalException>(() => lease.MarkReady(arrival));
        Assert.Contains("2 of 2 blocks are incomplete; first of 3 gaps: TP rank 0 of 1, PP rank 0 of 1, layer 0, blocks 0 … 1, bytes 0 … ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Nothing is served", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => lease.MarkRecomputed(arrival, 0, 1)); // fails closed unless it was said otherwise
        Assert.Equal(BlockState.Quiesced, lease.State);
    }

    [Fact]
    public void An_arrival_counts_for_its_lease_and_its_writers_only()
    {
        using var done = Written(out var grant);
        _pool.Deliver(grant, ServingPlans.OneRank, 0, 2);
        using var other = Written(out var cancelled, ArrivalPolicy.Recompute);
        _pool.Confirm(cancelled.Token, Prefill);
        Assert.Throws<InvalidOperationException>(() => other.MarkReady(done.GetArrival()));
        var before = other.GetArrival();
        var second = other.GrantWrite(Decode);
        Assert.Throws<InvalidOperationException>(() => other.MarkRecomputed(before, 0, 1)); // somebody writes
        _pool.Confirm(second.Token, Decode);
        Assert.Contains("Take another one", Assert.Throws<InvalidOperationException>(() => other.MarkRecomputed(before, 0, 1)).Message, StringComparison.Ordinal);
        other.MarkRecomputed(other.GetArrival(), 0, 1);
        Assert.Equal(BlockState.Ready, other.State);
    }

    [Fact]
    public void Recomputing_has_to_be_agreed_and_has_to_be_all_that_is_missing()
    {
        using var lease = _pool.TryReserve(3)!;
        lease.Expect(ServingPlans.TwoRanks, 3, ArrivalPolicy.Recompute);
        var (a, b) = (lease.GrantWrite(Prefill, 0), lease.GrantWrite(Decode, 1));
        _pool.Deliver(a, ServingPlans.TwoRanks, 0, 3);
        _pool.Deliver(b, ServingPlans.TwoRanks, 1, 1);
        Assert.Equal(1, _pool.PeerExited(Decode));
        var arrival = lease.GetArrival();
        Assert.Equal([0, 2], arrival.BlocksToRecompute);
        Assert.All(arrival.Gaps, gap => Assert.Equal(1, gap.Source.TpRank));
        Assert.Contains("MarkRecomputed", Assert.Throws<IncompleteArrivalException>(() => lease.MarkReady(arrival)).Message, StringComparison.Ordinal);
        Assert.Contains("Block 2 was not recomputed", Assert.Throws<IncompleteArrivalException>(() => lease.MarkRecomputed(arrival, 0)).Message, StringComparison.Ordinal);
        lease.MarkRecomputed(arrival, 2, 0);
        Assert.Equal(BlockState.Ready, lease.State);
    }

    [Fact]
    public void Another_writer_of_a_part_begins_anew()
    {
        using var lease = Written(out var grant);
        _pool.Deliver(grant, ServingPlans.OneRank, 0, 1);
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Decode)); // the first may still write
        _pool.PeerExited(Prefill);
        var second = lease.GrantWrite(Decode);
        _pool.Deliver(second, ServingPlans.OneRank, 1, 1);
        Assert.True(second.IsOpen); // block 0 is being overwritten: what the first one sent does not count
        Assert.Equal(LeaseAnswer.Unknown, _pool.Deliver(grant, ServingPlans.OneRank, 0, 2)); // and the first one is too late
        _pool.Deliver(second, ServingPlans.OneRank, 0, 1);
        lease.MarkReady(lease.GetArrival());
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill));
    }

    [Fact]
    public void Only_what_was_not_cached_is_expected_and_in_flight()
    {
        var hash = new BlockHash(1, 1);
        using var first = _pool.TryReserve(1)!;
        first.MarkComputed();
        first.Publish(hash);
        using var lease = _pool.TryReserve(2, hash)!;
        lease.Expect(ServingPlans.OneRank, 2);
        var grant = lease.GrantWrite(Prefill);
        Assert.Equal((BlockState.Ready, BlockState.InFlight), (_pool.StateOf(lease.Blocks[0]), _pool.StateOf(lease.Blocks[1])));
        Assert.Equal(LeaseAnswer.Malformed, _pool.Deliver(grant, ServingPlans.OneRank, 0, 2)); // nobody may write what others read
        Assert.Equal(LeaseAnswer.Accepted, _pool.Deliver(grant, ServingPlans.OneRank, 1, 1));
        lease.MarkReady(lease.GetArrival());
    }

    [Fact]
    public void A_prompt_that_is_cached_whole_needs_no_writer()
    {
        var hash = new BlockHash(1, 1);
        using var first = _pool.TryReserve(1)!;
        first.MarkComputed();
        first.Publish(hash);
        using var lease = _pool.TryReserve(2, hash)!; // one more for the answer
        lease.Expect(ServingPlans.OneRank, 1);
        lease.MarkReady(lease.GetArrival());
        Assert.Equal(BlockState.Ready, lease.State);
    }

    [Fact]
    public void A_layer_is_there_when_all_who_give_some_of_it_have_said_so()
    {
        using var lease = _pool.TryReserve(2)!;
        lease.Expect(ServingPlans.TwoRanks, 2);
        var grants = new[] { lease.GrantWrite(Prefill, 0), lease.GrantWrite(Decode, 1) };
        foreach (var grant in grants)
        {
            Assert.False(lease.HasLayer(0));
            var run = ServingPlans.TwoRanks.Parts[grant.Part].Whole(0, 1, 0, 2);
            Assert.Equal(LeaseAnswer.Accepted, _pool.Arrived(ServingPlans.Notice(grant, [run]), [run], out var of));
            Assert.Same(lease, of);
        }
        Assert.True(lease.HasLayer(0));
        Assert.False(lease.HasLayer(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => lease.HasLayer(3));
        foreach (var grant in grants) _pool.Confirm(grant.Token, grant.Peer);
    }

    [Fact]
    public void Our_own_transfers_hold_the_blocks_until_they_are_quiesced()
    {
        var lease = _pool.TryReserve(2)!;
        lease.Expect(ServingPlans.OneRank, 2);
        var pull = lease.BeginPull();
        var bytes = ServingPlans.OneRank.BytesPerBlock * 2;
        var run = ServingPlans.OneRank.Parts[0].Whole(0, 2);
        Assert.Equal(LeaseAnswer.Malformed, pull.Arrived(new TransferResult(bytes - 1, 1, default, default, default, default), run));
        Assert.Equal(LeaseAnswer.Accepted, pull.Arrived(new TransferResult(bytes, 1, default, default, default, default), run));
        Assert.Equal((true, BlockState.InFlight), (pull.IsOpen, lease.State));
        Assert.Throws<InvalidOperationException>(lease.GetArrival);
        pull.Quiesced();
        pull.Quiesced();
        Assert.Throws<InvalidOperationException>(() => { pull.Arrived(default, run); });
        lease.MarkReady(lease.GetArrival());
        var push = lease.BeginPush();
        lease.Dispose();
        Assert.Equal((BlockState.Quarantined, 2), (lease.State, _pool.Snapshot().Quarantined));
        Assert.Equal(0, _pool.PeerExited(_pool.Owner)); // nobody but our own transport ends it
        push.Quiesced();
        Assert.Equal(8, _pool.Snapshot().Free);
    }

    [Fact]
    public void A_producer_sends_layers_while_it_computes_the_next_ones()
    {
        using var lease = _pool.TryReserve(1)!;
        var push = lease.BeginPush();
        Assert.Equal(BlockState.InFlight, lease.State);
        lease.Expect(ServingPlans.OneRank, 1);
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill)); // not under a reader
        push.Quiesced();
        Assert.Equal(BlockState.Reserved, lease.State);
        lease.MarkComputed();
        Assert.Equal(BlockState.Ready, lease.State);
    }

    [Fact]
    public void What_is_expected_is_said_once_and_first()
    {
        using var lease = _pool.TryReserve(2)!;
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill));
        Assert.Throws<InvalidOperationException>(lease.GetArrival);
        Assert.Throws<ArgumentOutOfRangeException>(() => lease.Expect(ServingPlans.OneRank, 3));
        lease.Expect(ServingPlans.OneRank, 2);
        Assert.Throws<InvalidOperationException>(() => lease.Expect(ServingPlans.OneRank, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => lease.GrantWrite(Prefill, 1));
        lease.MarkComputed(); // no writer was ever let in: the owner may change its mind
        Assert.Throws<InvalidOperationException>(() => lease.GrantWrite(Prefill));
    }

    [Fact]
    public void A_lease_that_was_given_up_does_nothing_any_more()
    {
        var lease = Written(out _);
        lease.Dispose();
        Assert.Throws<ObjectDisposedException>(() => lease.GrantWrite(Prefill));
        Assert.Throws<ObjectDisposedException>(lease.GetArrival);
        Assert.Throws<ObjectDisposedException>(lease.MarkComputed);
        Assert.Throws<ObjectDisposedException>(() => lease.TryExtend(1));
        Assert.Throws<ObjectDisposedException>(() => lease.Publish());
    }

    private BlockLease Written(out LeaseGrant grant, ArrivalPolicy policy = ArrivalPolicy.FailClosed)
    {
        var lease = _pool.TryReserve(2)!;
        lease.Expect(ServingPlans.OneRank, 2, policy);
        grant = lease.GrantWrite(Prefill);
        return lease;
    }
}
