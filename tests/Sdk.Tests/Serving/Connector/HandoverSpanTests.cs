using System.Collections.Concurrent;
using System.Diagnostics;
using Nixl.Sdk.Diagnostics;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>Spans of hand-overs and their steps.</summary>
[Collection(nameof(HandoverSpanTests))]
[CollectionDefinition(nameof(HandoverSpanTests), DisableParallelization = true)] // listeners hear of the whole process
public sealed class HandoverSpanTests
{
    [Fact]
    public async Task A_push_and_a_pull_are_spans_with_their_steps_under_them()
    {
        using var spans = new Listener();
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using var caller = new Activity("caller").Start();
        using var own = fleet.Compute(3)[0];
        var block = fleet.Pools.Sources[0].BytesPerBlock();
        using (var pushed = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("pushed", new KvRequestBlocks(4, 3))))
        {
            Assert.Same(caller, Activity.Current);
            await using var push = await fleet.NextAsync();
            push.Accept(own);
            await push.WriteBlocksAsync(0, 0, 2);
            await push.WriteBlocksAsync(0, 2, 1);
            await push.CompleteAsync();
            await pushed.WaitAsync().SoonAsync();
        }
        using (var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("pulled"), [own]))
        using (var pulled = await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("pulled", new KvRequestBlocks(2))))
        {
            await pulled.WaitAsync().SoonAsync();
            await offer.WaitAsync().SoonAsync();
        }
        await fleet.AssertAllEndedAsync();
        Assert.Same(caller, Activity.Current);
        await Deadlines.UntilAsync(() => spans.Of("pushed").Length == 2 && spans.Of("pulled").Length == 2, "two spans of each");

        var (source, target) = (fleet.Pools.Sources[0].Agent.Name, fleet.Pools.Targets[0].Agent.Name);
        var (consumer, producer) = (spans.One("pushed", "consumer"), spans.One("pushed", "producer"));
        AssertTags(consumer, ("nixl.agent", target), ("nixl.peer", source), ("nixl.kv.way", "push"), ("nixl.kv.blocks", 3), ("nixl.kv.bytes", 3 * block), ("nixl.kv.outcome", "completed"));
        AssertTags(producer, ("nixl.agent", source), ("nixl.peer", target), ("nixl.kv.way", "push"), ("nixl.kv.blocks", 3), ("nixl.kv.bytes", 3 * block), ("nixl.kv.outcome", "completed"));
        Assert.Equal((caller.SpanId, default), (consumer.ParentSpanId, producer.ParentSpanId));
        Assert.Equal((ActivityKind.Client, ActivityKind.Server), (consumer.Kind, producer.Kind));
        AssertTags(spans.Under(consumer).Single(), ("nixl.kv.blocks", 4), ("nixl.kv.blocks.cached", 0), ("nixl.kv.outcome", "completed"));
        var writes = spans.Under(producer);
        Assert.Equal([("nixl.kv.write", 2), ("nixl.kv.write", 1)], writes.Select(write => (write.OperationName, (int)write.GetTagItem("nixl.kv.blocks")!)));
        AssertTags(writes[0], ("nixl.peer", target), ("nixl.kv.bytes", 2 * block), ("nixl.kv.layer", null), ("nixl.kv.outcome", "completed"));

        var (reader, offered) = (spans.One("pulled", "consumer"), spans.One("pulled", "producer"));
        AssertTags(reader, ("nixl.kv.way", "pull"), ("nixl.kv.bytes", 2 * block), ("nixl.kv.outcome", "completed"));
        AssertTags(offered, ("nixl.kv.way", "pull"), ("nixl.kv.blocks", 3), ("nixl.kv.outcome", "completed"));
        Assert.Equal((caller.SpanId, caller.SpanId), (reader.ParentSpanId, offered.ParentSpanId));
        var steps = spans.Under(reader);
        Assert.Equal(["nixl.kv.reserve", "nixl.kv.read"], steps.Select(step => step.OperationName));
        AssertTags(steps[1], ("nixl.peer", source), ("nixl.kv.blocks", 2), ("nixl.kv.bytes", 2 * block));
        Assert.All(spans.Of("pushed"), span => Assert.Equal(ActivityStatusCode.Unset, span.Status));
    }

    [Fact]
    public async Task What_fails_says_why()
    {
        using var spans = new Listener();
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        using (var cancelled = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("cancelled", new KvRequestBlocks(1)))) Assert.True(await cancelled.CancelAsync(Deadlines.Soon));
        using (var all = fleet.TargetBlockPools[0].TryReserve(fleet.TargetBlockPools[0].Snapshot().Free)!)
            await Assert.ThrowsAsync<BlocksExhaustedException>(async () =>
                await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("hungry", new KvRequestBlocks(1)) { Timeout = TimeSpan.FromMilliseconds(50) }));
        await Assert.ThrowsAsync<KvHandoverException>(async () =>
            await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("not offered", new KvRequestBlocks(1)) { Timeout = TimeSpan.FromMilliseconds(50) }));
        await fleet.AssertAllEndedAsync();
        await Deadlines.UntilAsync(() => spans.Of("cancelled").Length == 2, "both sides");
        Assert.All(spans.Of("cancelled"), span => AssertTags(span, ("nixl.kv.outcome", "cancelled")));
        var hungry = Assert.Single(spans.Of("hungry"));
        Assert.Equal(("timed_out", ActivityStatusCode.Error), ((string?)hungry.GetTagItem("nixl.kv.outcome"), hungry.Status));
        Assert.Contains("did not come free", hungry.StatusDescription, StringComparison.Ordinal);
        AssertTags(Assert.Single(spans.Under(hungry)), ("nixl.kv.outcome", "timed_out"));
        Assert.Contains("has offered", Assert.Single(spans.Of("not offered")).StatusDescription, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_that_throws_ends_no_hand_over()
    {
        using var throwing = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Nixl.Sdk", Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = _ => throw new InvalidOperationException("a listener that fails"),
        };
        ActivitySource.AddActivityListener(throwing);
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        await fleet.PushAsync();
    }

    [Fact]
    public void Without_listeners_nothing_is_allocated()
    {
        Assert.False(NixlActivities.IsOn);
        for (var i = 0; i < 100; i++) Steps();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) Steps();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Steps()
        {
            var span = NixlActivities.Handover("a", isProducer: true, isPull: false, "r", "p", 3);
            var step = NixlActivities.Step(span, "nixl.kv.write", 3, "p", 1);
            NixlActivities.End(step, KvOutcome.Completed, 4096);
            NixlActivities.End(span, null, 4096, "why");
        }
    }

    private static void AssertTags(Activity span, params (string Key, object? Value)[] tags)
    {
        foreach (var (key, value) in tags) Assert.Equal($"{key}={value}", $"{key}={span.GetTagItem(key)}");
    }

    private sealed class Listener : IDisposable
    {
        private readonly ConcurrentQueue<Activity> _ended = new();
        private readonly ActivityListener _listener;

        internal Listener()
        {
            _listener = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == "Nixl.Sdk", Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData, ActivityStopped = _ended.Enqueue,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        internal Activity[] Of(string request) => [.. _ended.Where(span => (string?)span.GetTagItem("nixl.kv.request") == request)];

        internal Activity One(string request, string side) => Of(request).Single(span => (string?)span.GetTagItem("nixl.kv.side") == side);

        internal Activity[] Under(Activity handover) => [.. _ended.Where(span => span.ParentSpanId == handover.SpanId)];

        public void Dispose() => _listener.Dispose();
    }
}
