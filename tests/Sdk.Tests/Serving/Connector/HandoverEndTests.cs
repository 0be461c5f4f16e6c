using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>Ends that meet a beginning, a waiter, or a message that got lost.</summary>
public sealed class HandoverEndTests
{
    private static readonly KvRequest Request = new("r", new KvRequestBlocks(3));

    [Fact]
    public async Task Who_waits_for_a_layer_that_has_to_be_recomputed_does_not_wait_for_ever()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Policy = ArrivalPolicy.Recompute });
        var before = receive.WaitForLayerAsync(2).AsTask();
        await using (var push = await fleet.NextAsync())
        {
            using var own = fleet.Compute(3)[0];
            push.Accept(own);
            await push.WriteLayerAsync(0);
            await push.FailAsync("no more");
        }
        var received = await receive.WaitAsync().SoonAsync();
        await receive.WaitForLayerAsync(0).SoonAsync();
        Assert.Same(received.Arrivals[0], (await Assert.ThrowsAsync<IncompleteArrivalException>(() => before.SoonAsync())).Arrival);
        await Assert.ThrowsAsync<IncompleteArrivalException>(() => receive.WaitForLayerAsync(1).AsTask().SoonAsync());
    }

    [Fact]
    public async Task A_request_that_waits_for_blocks_while_the_connector_is_disposed_fails()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        var all = fleet.TargetBlockPools[0].TryReserve(Fleet.TargetBlocks)!;
        var requesting = fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request).AsTask();
        await fleet.TargetConnectors[0].DisposeAsync().SoonAsync();
        all.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => requesting.SoonAsync());
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task A_peer_whose_exit_is_known_is_given_nothing()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        Assert.Equal(0, fleet.TargetConnectors[0].PeerExited(PeerIdentity.Of(fleet.Sources[0].Ranks[0].Remote)));
        fleet.Pools.Fake.Disconnect(fleet.Pools.Sources[0].Agent.Name);
        await Assert.ThrowsAnyAsync<NixlException>(async () => await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request));
        await Deadlines.UntilAsync(() => fleet.TargetBlockPools[0].Snapshot().Free == Fleet.TargetBlocks, $"blocks: {fleet.TargetBlockPools[0].Snapshot()}");
        Assert.Equal(0, fleet.TargetConnectors[0].Snapshot().Given);
    }

    [Fact]
    public async Task A_cancel_that_is_not_answered_is_repeated()
    {
        var time = new FakeTimeProvider();
        await using var fleet = await Fleet.CreateAsync(Backend.Local, time: time);
        await fleet.SourceConnectors[0].DisposeAsync().SoonAsync(); // we answer
        var (agent, peer) = (fleet.Pools.Sources[0].Agent, fleet.Pools.Writes.Single().Remote.Remote);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Timeout = TimeSpan.FromSeconds(3) });
        Assert.IsType<KvAccessMessage>(await ReadAsync());
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.IsType<KvCancelMessage>(await ReadAsync()); // whose answer gets lost
        time.Advance(TimeSpan.FromSeconds(30));
        var cancel = Assert.IsType<KvCancelMessage>(await ReadAsync());
        await agent.NotifyAsync(peer, KvMessageCodec.Encode(new KvEndMessage(cancel.Id, KvOutcome.Cancelled, "", default))).SoonAsync();
        await fleet.AssertAllEndedAsync();

        async Task<KvMessage?> ReadAsync()
        {
            var buffer = new byte[NixlAgent.MaxNotificationBytes];
            NotificationInfo info = default;
            await Deadlines.UntilAsync(() => agent.TryReadNotification(buffer, out info), "a message");
            return KvMessageCodec.TryDecode(buffer.AsSpan(0, info.PayloadLength));
        }
    }

    [Fact]
    public async Task A_peer_that_asks_and_never_reads_the_answers_does_not_fill_our_memory()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local, options: new KvConnectorOptions { CheckInterval = TimeSpan.FromMilliseconds(5), MaxWaiting = 4, ConfirmTimeout = TimeSpan.FromMinutes(10) });
        await fleet.SourceConnectors[0].DisposeAsync().SoonAsync();
        var (agent, peer, connector) = (fleet.Pools.Sources[0].Agent, fleet.Pools.Writes.Single().Remote.Remote, fleet.TargetConnectors[0]);
        var begun = System.Diagnostics.Stopwatch.StartNew();
        for (var id = 0ul; begun.Elapsed < TimeSpan.FromSeconds(60) && connector.Snapshot().Undelivered == 0; id++) // a send gives up after 10 minutes
            await agent.NotifyAsync(peer, KvMessageCodec.Encode(new KvCancelMessage(id))).SoonAsync();
        Assert.NotEqual(0, connector.Snapshot().Undelivered);
        var ending = connector.DisposeAsync().AsTask();
        var buffer = new byte[NixlAgent.MaxNotificationBytes];
        await Deadlines.UntilAsync(() => { while (agent.TryReadNotification(buffer, out _)) { } return ending.IsCompleted; }, "the answers are read");
    }
}
