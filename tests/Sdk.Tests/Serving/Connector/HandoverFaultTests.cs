using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>What ends early: nothing is served, nothing hangs, and blocks come back exactly when nobody can touch them.</summary>
public sealed class HandoverFaultTests
{
    private static readonly KvRequest Request = new("r", new KvRequestBlocks(3));

    [Theory, MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task A_cancel_is_confirmed_only_when_the_write_that_runs_has_quiesced(Backend backend)
    {
        await using var fleet = await Fleet.CreateAsync(backend);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        await push.WriteLayerAsync(0);
        SetHang(fleet, true);
        var writing = push.WriteLayerAsync(1).AsTask();
        await Deadlines.UntilAsync(() => own.State == BlockState.InFlight, "the WRITE runs");
        var cancelling = receive.CancelAsync(Deadlines.Soon).AsTask();
        Assert.Equal(KvOutcome.Cancelled, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        var ending = push.DisposeAsync().AsTask();
        if (backend == Backend.Fake) // what hangs there is let go by us only
        {
            await Task.Delay(100);
            Assert.False(ending.IsCompleted);
            Assert.Equal(1, fleet.SourceConnectors[0].Snapshot().Held);
            Assert.False(cancelling.IsCompleted);
            Assert.Equal(3, fleet.TargetBlockPools[0].Snapshot().Quarantined);
        }
        SetHang(fleet, false);
        await writing.SoonAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // may have succeeded at the last moment
        Assert.True(writing.IsCompleted);
        await ending.SoonAsync();
        await Assert.ThrowsAnyAsync<Exception>(async () => await push.WriteLayerAsync(2));
        Assert.True(await cancelling.SoonAsync());
        await fleet.AssertAllEndedAsync();
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
    }

    [Fact]
    public async Task A_request_that_nobody_has_read_is_cancelled_without_the_engine()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        Assert.True(await receive.CancelAsync(Deadlines.Soon));
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task A_producer_that_is_disposed_midway_says_so_and_the_request_fails_clearly()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        var layer = receive.WaitForLayerAsync(2).AsTask();
        await using (var push = await fleet.NextAsync())
        {
            using var own = fleet.Compute(3)[0];
            push.Accept(own);
            await push.WriteLayerAsync(0);
        }
        var error = await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync());
        Assert.Equal(KvOutcome.Failed, error.Outcome);
        Assert.Contains("given it up", error.Message, StringComparison.Ordinal);
        Assert.Same(error, await Assert.ThrowsAsync<KvHandoverException>(() => layer.SoonAsync()));
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task A_connector_that_is_disposed_midway_ends_what_it_holds()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        var disposing = fleet.SourceConnectors[0].DisposeAsync().AsTask();
        await Deadlines.UntilAsync(() => push.Stopped.IsCancellationRequested, "the request is stopped");
        await push.DisposeAsync();
        await disposing.SoonAsync();
        Assert.Equal(KvOutcome.Failed, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
    }

    [Fact]
    public async Task A_deadline_fails_the_request_and_stops_the_producer()
    {
        var time = new FakeTimeProvider();
        await using var fleet = await Fleet.CreateAsync(Backend.Local, time: time);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Timeout = TimeSpan.FromSeconds(3) });
        await using var push = await fleet.NextAsync();
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(KvOutcome.TimedOut, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        await Deadlines.UntilAsync(() => push.Stopped.IsCancellationRequested, "the producer knows");
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        await Assert.ThrowsAsync<KvHandoverException>(async () => await push.WriteAsync());
        Assert.Equal(3, fleet.TargetBlockPools[0].Snapshot().Quarantined); // nobody has confirmed yet
        await push.DisposeAsync();
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task Heartbeats_keep_a_slow_request_alive_and_their_absence_expires_it()
    {
        var time = new FakeTimeProvider();
        await using var fleet = await Fleet.CreateAsync(Backend.Local, time: time);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Timeout = TimeSpan.FromHours(1) });
        await using var push = await fleet.NextAsync();
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        for (var beat = 0; beat < 20; beat++) // 100 s; the lease is for 30
        {
            var heard = fleet.TargetConnectors[0].Snapshot().Messages;
            time.Advance(TimeSpan.FromSeconds(5));
            await Deadlines.UntilAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromMilliseconds(5)); // if the one before was not done when the clock moved on, it is sent with the next tick
                    return fleet.TargetConnectors[0].Snapshot().Messages > heard;
                },
                "a heartbeat");
        }
        Assert.False(receive.IsEnded);
        await push.WriteAsync();
        await push.CompleteAsync();
        await receive.WaitAsync().SoonAsync();

        using var second = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Name = "second", Timeout = TimeSpan.FromHours(1) });
        await using var unread = await fleet.NextAsync();
        fleet.SourceConnectors[0].SetHeartbeats(false);
        time.Advance(TimeSpan.FromSeconds(29));
        await Task.Delay(100);
        Assert.False(second.IsEnded);
        time.Advance(TimeSpan.FromSeconds(2));
        var error = await Assert.ThrowsAnyAsync<NixlException>(() => second.WaitAsync().SoonAsync());
        Assert.Equal(KvOutcome.Expired, Assert.IsType<KvHandoverException>(error).Outcome);
    }

    [Fact]
    public async Task A_lost_connection_fails_the_request_and_frees_nothing_before_the_exit_is_known()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        fleet.Pools.Fake.Disconnect(fleet.Pools.Sources[0].Agent.Name);
        Assert.Equal(KvOutcome.PeerLost, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        await Deadlines.UntilAsync(() => push.Stopped.IsCancellationRequested, "the producer knows");
        await Task.Delay(100);
        Assert.Equal(3, fleet.TargetBlockPools[0].Snapshot().Quarantined);
        var gone = PeerIdentity.Of(fleet.Sources[0].Ranks[0].Remote);
        Assert.Equal(0, fleet.TargetConnectors[0].PeerExited(gone with { Incarnation = 1 }));
        Assert.Equal(1, fleet.TargetConnectors[0].PeerExited(gone));
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
        Assert.True(await receive.CancelAsync(Deadlines.Soon));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_connection_that_breaks_in_one_direction_keeps_nobody_waiting_for_the_lease_to_expire(Backend backend)
    {
        await using var fleet = await Fleet.CreateAsync(backend);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        var (source, target, write) = (fleet.Pools.Sources[0].Agent, fleet.Pools.Targets[0].Agent, fleet.Pools.Writes.Single().Remote);
        source.Invalidate(write.Remote); // the producer's connection to the consumer ends; the consumer's own one lives, and tells it nothing
        await Deadlines.UntilAsync(() => push.Stopped.IsCancellationRequested, "the producer knows");
        await push.DisposeAsync();
        Assert.Equal(PeerState.Connected, fleet.Sources[0].Ranks[0].Remote.State);
        Assert.False(receive.IsEnded);
        // A request that comes while there is no way to answer it is answered, too.
        using var early = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Name = "early" });
        await Task.Delay(50);
        await source.ConnectAsync(target.ExportMetadata()).SoonAsync();
        foreach (var waiting in (KvReceive[])[receive, early])
        {
            var error = await Assert.ThrowsAsync<KvHandoverException>(() => waiting.WaitAsync().SoonAsync());
            Assert.True(error.Outcome != KvOutcome.Expired, $"{waiting.Name}: {error.Message} {fleet.SourceConnectors[0].Snapshot()} {fleet.TargetConnectors[0].Snapshot()}");
        }
        await fleet.AssertAllEndedAsync();
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
    }

    [Fact]
    public async Task A_confirmation_that_is_lost_is_asked_for_again()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        await fleet.SourceConnectors[0].DisposeAsync().SoonAsync(); // we answer
        var (agent, peer) = (fleet.Pools.Sources[0].Agent, fleet.Pools.Writes.Single().Remote.Remote);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        receive.Dispose();
        var buffer = new byte[NixlAgent.MaxNotificationBytes];
        var (cancels, id) = (0, 0ul);
        await Deadlines.UntilAsync(() =>
        {
            while (agent.TryReadNotification(buffer, out var info))
                if (KvMessageCodec.TryDecode(buffer.AsSpan(0, info.PayloadLength)) is KvCancelMessage cancel) (cancels, id) = (cancels + 1, cancel.Id);
            return cancels >= 2;
        }, "it is asked again");
        await agent.NotifyAsync(peer, KvMessageCodec.Encode(new KvEndMessage(id, KvOutcome.Cancelled, "", default))).SoonAsync();
        await fleet.AssertAllEndedAsync();
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
    }

    [Fact]
    public async Task Whom_it_asks_after_its_exit_is_lost_and_no_block_is_kept()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        Assert.Equal(1, fleet.TargetConnectors[0].PeerExited(PeerIdentity.Of(fleet.Sources[0].Ranks[0].Remote)));
        // Who has waited for blocks meanwhile has the source of before.
        var error = await Assert.ThrowsAsync<KvHandoverException>(async () => (await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request with { Name = "late" })).Dispose());
        Assert.Equal(KvOutcome.PeerLost, error.Outcome);

        using var offered = fleet.Compute(3)[0];
        Assert.Equal(0, fleet.SourceConnectors[0].PeerExited(PeerIdentity.Of(fleet.Pools.Writes.First().Remote.Remote)));
        fleet.SourceBlockPools[0].PeerExited(PeerIdentity.Of(fleet.Pools.Writes.First().Remote.Remote));
        error = await Assert.ThrowsAsync<KvHandoverException>(async () => await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.First().Remote, new KvOfferOptions("late"), [offered]));
        Assert.Equal(KvOutcome.PeerLost, error.Outcome);
        receive.Dispose();
        await push.DisposeAsync(); // that life is gone for us only
        await fleet.AssertAllEndedAsync();
        Assert.Equal(Fleet.TargetBlocks, fleet.TargetBlockPools[0].Snapshot().Free);
    }

    [Fact]
    public async Task Late_and_foreign_messages_are_counted_and_change_nothing()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        var (agent, peer) = (fleet.Pools.Sources[0].Agent, fleet.Pools.Writes.Single().Remote.Remote);
        var connector = fleet.TargetConnectors[0];
        await SendAsync(new KvEndMessage(12345, KvOutcome.Completed, "", default)); // of a life before
        await SendAsync(new KvHeartbeatMessage([1, 2, 3]));
        await SendAsync(new KvWroteMessage(5, 0, [new ArrivalRun(0, 1, 0, 1, 0, 1)]));
        await Deadlines.UntilAsync(() => connector.Snapshot().Late == 5, $"late: {connector.Snapshot()}");
        var id = push.AccessId;
        await SendAsync(new KvWroteMessage(id, 0, [new ArrivalRun(0, 3, 0, 3, 0, 1)])); // without a transfer and a token
        await SendAsync(new KvWroteMessage(id, 63, []));
        await agent.NotifyAsync(peer, (byte[])[.. KvMessageFormat.Magic, 1, 3, 255, 255]).SoonAsync();
        await agent.NotifyAsync(peer, KvMessageFormat.Magic.ToArray()).SoonAsync();
        await Deadlines.UntilAsync(() => connector.Snapshot().Malformed == 4, $"malformed: {connector.Snapshot()}");
        Assert.False(receive.IsEnded || receive.HasLayer(0));
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        await push.WriteAsync();
        await push.CompleteAsync();
        await receive.WaitAsync().SoonAsync();

        Task SendAsync(KvMessage message) => agent.NotifyAsync(peer, KvMessageCodec.Encode(message)).SoonAsync();
    }

    [Fact]
    public async Task Nobody_ends_somebody_elses_request()
    {
        await using var fleet = await ServingFleet<PackedKv, SplitKv>.CreateAsync(Backend.Local, sourceTp: 2);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync(0);
        var other = fleet.Pools.Writes.Single(pair => pair.Source == fleet.Pools.Sources[1]);
        await other.Source.Agent.NotifyAsync(other.Remote.Remote, KvMessageCodec.Encode(new KvEndMessage(push.AccessId, KvOutcome.Failed, "", default))).SoonAsync();
        await Deadlines.UntilAsync(() => fleet.TargetConnectors[0].Snapshot().NotGranted == 1, "refused");
        Assert.False(receive.IsEnded);
        await (await fleet.NextAsync(1)).DisposeAsync();
    }

    [Fact]
    public async Task Who_is_no_consumer_or_asks_for_nonsense_is_refused_with_the_reason()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        var (agent, peer) = (fleet.Pools.Targets[0].Agent, fleet.Pools.Reads.Single().Remote.Remote);
        var part = ArrivalPlan.SamePlacement(fleet.Pools.Targets[0]).Parts[0];
        var good = new KvAccessGroup("kv", 1, 0, [0, 1], part.Layers.AsSpan().ToArray(), part.BytesPerLayer);
        foreach (var bad in (KvAccessGroup[])[good with { Name = "no" }, good with { Blocks = [0, 11] }, good with { Blocks = [3, 3] }, good with { Blocks = [] },
            good with { Layers = [0, 1] }, good with { BytesPerLayer = 1 }, good with { First = int.MaxValue }])
        {
            var before = fleet.SourceConnectors[0].Snapshot().Refused;
            await agent.NotifyAsync(peer, KvMessageCodec.Encode(new KvAccessMessage(
                KvMessageKind.Request, KvConnector.DrawId(), "kv", "kv", "r", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5), [bad], default))).SoonAsync();
            await Deadlines.UntilAsync(() => fleet.SourceConnectors[0].Snapshot().Refused == before + 1, $"{bad} is refused");
        }
        fleet.Producers[0].RemoveConsumer(fleet.Pools.Writes.Single().Remote);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        var error = await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync());
        Assert.Equal(KvOutcome.Refused, error.Outcome);
        Assert.Contains("AddConsumer", error.Message, StringComparison.Ordinal);
        await fleet.AssertAllEndedAsync();
    }

    [Fact]
    public async Task A_failed_write_makes_the_request_fail_and_is_not_repeated_under_its_token()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], Request);
        await using var push = await fleet.NextAsync();
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        fleet.Pools.Fake.FailNext();
        await Assert.ThrowsAnyAsync<NixlException>(async () => await push.WriteAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await push.WriteAsync());
        await Assert.ThrowsAnyAsync<NixlException>(async () => await push.CompleteAsync());
        Assert.Equal(KvOutcome.Failed, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
        await fleet.AssertAllEndedAsync();
    }

    private static void SetHang(ServingFleet<SplitKv, SplitKv> fleet, bool hang)
    {
        fleet.Pools.Fake.Hang = hang;
        foreach (var pool in fleet.Pools.Sources)
            if (pool.Agent.Runtime.Core is Nixl.Sdk.Interop.NativeAgentCore core) Assert.Equal(NixlStatus.Success, core.SetLoopbackFaults(new Nixl.Sdk.Interop.NativeLoopbackFaults { Hang = hang ? 1u : 0 }));
    }
}
