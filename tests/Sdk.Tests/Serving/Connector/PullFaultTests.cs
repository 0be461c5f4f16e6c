using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>
/// A pull has the guarantees of a push: what ends early is not served, and blocks come back on each side when nobody can touch them. In each test the
/// producer's engine has given its blocks up while the consumer's READ hangs.
/// </summary>
public sealed class PullFaultTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task A_cancel_is_confirmed_only_when_the_read_that_runs_has_quiesced()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var offer = await OfferAsync(fleet);
        using var receive = await HangingPullAsync(fleet);
        var cancelling = receive.CancelAsync(Deadlines.Soon).AsTask();
        Assert.Equal(KvOutcome.Cancelled, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        await AssertHeldAsync(fleet);
        Assert.False(cancelling.IsCompleted);
        fleet.Pools.Fake.Hang = false;
        Assert.True(await cancelling.SoonAsync());
        await AssertFreeAsync(fleet);
    }

    [Fact]
    public async Task A_withdrawal_is_confirmed_only_when_the_read_that_runs_has_quiesced()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var offer = await OfferAsync(fleet);
        using var receive = await HangingPullAsync(fleet);
        Assert.False(await offer.CancelAsync(TimeSpan.FromMilliseconds(100)));
        await AssertHeldAsync(fleet, target: false);
        fleet.Pools.Fake.Hang = false;
        Assert.True(await offer.CancelAsync(Deadlines.Soon));
        await EndAsync(receive);
        await AssertFreeAsync(fleet);
    }

    [Fact]
    public async Task A_reader_without_heartbeats_is_refused_and_waited_for()
    {
        var time = new FakeTimeProvider();
        await using var fleet = await Fleet.CreateAsync(Backend.Fake, time: time);
        fleet.TargetConnectors[0].SetHeartbeats(false);
        using var offer = await OfferAsync(fleet);
        using var receive = await HangingPullAsync(fleet);
        time.Advance(TimeSpan.FromSeconds(29));
        await Task.Delay(50);
        Assert.Equal(0, fleet.SourceBlockPools[0].ExpireGrants());
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(KvOutcome.Expired, (await Assert.ThrowsAsync<KvHandoverException>(() => offer.WaitAsync().SoonAsync())).Outcome);
        time.Advance(Hour / 2);
        await AssertHeldAsync(fleet, target: false);
        fleet.Pools.Fake.Hang = false;
        await EndAsync(receive);
        await AssertFreeAsync(fleet);
    }

    [Fact]
    public async Task A_lost_connection_frees_nothing_of_the_producer_before_the_readers_exit_is_known()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var offer = await OfferAsync(fleet);
        using var receive = await HangingPullAsync(fleet);
        fleet.Pools.Fake.Disconnect(fleet.Pools.Targets[0].Agent.Name);
        Assert.Equal(KvOutcome.PeerLost, (await Assert.ThrowsAsync<KvHandoverException>(() => offer.WaitAsync().SoonAsync())).Outcome);
        await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync());
        await AssertHeldAsync(fleet, target: false);
        Assert.Equal(1, fleet.SourceConnectors[0].PeerExited(PeerIdentity.Of(fleet.Pools.Writes.Single().Remote.Remote)));
        await AssertFreeAsync(fleet);
    }

    private static async Task<KvOffer> OfferAsync(Fleet fleet)
    {
        using var own = fleet.Compute(3)[0];
        return await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("r") { Timeout = Hour }, [own]);
    }

    private static async Task<KvReceive> HangingPullAsync(Fleet fleet)
    {
        var request = new KvRequest("r", new KvRequestBlocks(3)) { Timeout = Hour };
        await Deadlines.UntilAsync(() => fleet.TargetConnectors[0].Snapshot().Held == 1, "the offer is there");
        fleet.Pools.Fake.Hang = true;
        var receive = await fleet.Consumers[0].PullAsync(fleet.Sources[0], request).SoonAsync();
        await Deadlines.UntilAsync(() => fleet.TargetBlockPools[0].Snapshot().InFlight == 3, "the READ runs");
        return receive;
    }

    // Whoever was told too late has read everything from blocks that were held for it, and may use it.
    private static async Task EndAsync(KvReceive receive)
    {
        await ((Task)receive.WaitAsync().SoonAsync()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.True(receive.IsEnded);
        receive.Dispose();
    }

    private static async Task AssertHeldAsync(Fleet fleet, bool target = true)
    {
        await Task.Delay(100);
        Assert.Equal(3, fleet.SourceBlockPools[0].Snapshot().Quarantined);
        if (target) Assert.Equal(3, fleet.TargetBlockPools[0].Snapshot().Quarantined);
    }

    private static async Task AssertFreeAsync(Fleet fleet)
    {
        await fleet.AssertAllEndedAsync();
        Assert.Equal(Fleet.SourceBlocks, fleet.SourceBlockPools[0].Snapshot().Free);
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
    }
}
