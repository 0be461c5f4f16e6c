using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>What the meter says of hand-overs; and listeners that throw break none.</summary>
public sealed class HandoverMetricsTests
{
    [Fact]
    public async Task Each_hand_over_is_measured_once_on_each_side_with_its_outcome_bytes_and_duration()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        var (source, target) = (fleet.Pools.Sources[0].Agent.Name, fleet.Pools.Targets[0].Agent.Name);
        var seen = new ConcurrentDictionary<string, double>();
        using var listener = Listen((instrument, value, tags) =>
        {
            if (instrument.StartsWith("nixl.kv.", StringComparison.Ordinal) && tags[0] is string agent && (agent == source || agent == target))
                seen.AddOrUpdate($"{instrument}:{(agent == source ? "source" : "target")}/{string.Join('/', tags[1..])}", instrument.EndsWith("duration", StringComparison.Ordinal) ? 1 : value, (_, sum) => sum + (instrument.EndsWith("duration", StringComparison.Ordinal) ? 1 : value));
        });
        using var own = fleet.Compute(3)[0];
        using (var pushed = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("pushed", new KvRequestBlocks(3))))
        {
            await using var push = await fleet.NextAsync();
            push.Accept(own);
            await push.WriteAsync();
            await push.CompleteAsync();
            await pushed.WaitAsync().SoonAsync();
        }
        using (var offer = await fleet.Producers[0].OfferAsync(fleet.Pools.Writes.Single().Remote, new KvOfferOptions("pulled"), [own]))
        using (var pulled = await fleet.Consumers[0].PullAsync(fleet.Sources[0], new KvRequest("pulled", new KvRequestBlocks(2))))
        {
            await pulled.WaitAsync().SoonAsync();
            await offer.WaitAsync().SoonAsync();
        }
        using (var cancelled = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("cancelled", new KvRequestBlocks(1))))
        {
            Assert.Equal(1, Meters.Collect("nixl.kv.accesses", "nixl.agent", target)["given"]);
            Assert.True(await cancelled.CancelAsync(Deadlines.Soon));
        }
        using (var incomplete = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("incomplete", new KvRequestBlocks(1))))
        {
            await using (var push = await fleet.NextAsync())
            {
                push.Accept(own);
                await push.CompleteAsync();
            }
            await Assert.ThrowsAsync<IncompleteArrivalException>(() => incomplete.WaitAsync().SoonAsync());
        }
        await fleet.AssertAllEndedAsync();
        await Deadlines.UntilAsync(() => seen.Where(static s => s.Key.Contains("duration", StringComparison.Ordinal)).Sum(static s => s.Value) == 8, "eight ends"); // told after the end
        var block = fleet.Pools.Sources[0].BytesPerBlock();
        Assert.Equal(new SortedDictionary<string, double>(StringComparer.Ordinal)
        {
            ["nixl.kv.handover.bytes:source/producer/push"] = 3 * block,
            ["nixl.kv.handover.bytes:target/consumer/pull"] = 2 * block,
            ["nixl.kv.handover.bytes:target/consumer/push"] = 3 * block,
            ["nixl.kv.handovers:source/producer/pull/completed"] = 1,
            ["nixl.kv.handovers:source/producer/push/cancelled"] = 1,
            ["nixl.kv.handovers:source/producer/push/completed"] = 2,
            ["nixl.kv.handovers:target/consumer/pull/completed"] = 1,
            ["nixl.kv.handovers:target/consumer/push/cancelled"] = 1,
            ["nixl.kv.handovers:target/consumer/push/completed"] = 1,
            ["nixl.kv.handovers:target/consumer/push/incomplete"] = 1,
        }, new SortedDictionary<string, double>(seen.Where(static s => !s.Key.Contains("duration", StringComparison.Ordinal)).ToDictionary(), StringComparer.Ordinal));
        var messages = Meters.Collect("nixl.kv.messages", "nixl.agent", target);
        Assert.Equal(fleet.TargetConnectors[0].Snapshot().Messages, messages["read"]);
        Assert.Equal(0, messages["malformed"]);
    }

    [Fact]
    public async Task A_listener_that_throws_at_every_measurement_ends_no_hand_over()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Local);
        var name = fleet.Pools.Targets[0].Agent.Name;
        using var listener = Listen((instrument, _, tags) =>
        {
            if (instrument.StartsWith("nixl.kv.", StringComparison.Ordinal) && tags.Contains(name)) throw new InvalidOperationException("a listener that fails");
        });
        await fleet.PushAsync();
    }

    [Fact]
    public async Task A_listener_that_throws_when_it_hears_of_an_instrument_breaks_nothing_for_good()
    {
        await using var child = ChildProcess.Start("listener");
        Assert.Equal("6", await child.ExpectAsync("served"));
    }

    private static MeterListener Listen(Action<string, double, object?[]> measured)
    {
        var listener = new MeterListener { InstrumentPublished = static (instrument, l) => { if (instrument.Meter.Name == "Nixl.Sdk") l.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => measured(instrument.Name, value, Values(tags)));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => measured(instrument.Name, value, Values(tags)));
        listener.Start();
        return listener;
    }

    private static object?[] Values(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var values = new object?[tags.Length];
        for (var i = 0; i < tags.Length; i++) values[i] = tags[i].Value;
        return values;
    }
}
