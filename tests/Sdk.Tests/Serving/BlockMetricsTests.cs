using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

public sealed class BlockMetricsTests
{
    [Fact]
    public void Gauges_show_every_state_of_a_living_pool()
    {
        var name = "gauge-" + Guid.NewGuid();
        var pool = new BlockPool(9, new BlockPoolOptions { Name = name });
        using var lease = pool.TryReserve(2)!;
        var written = pool.TryReserve(3)!;
        written.Expect(ServingPlans.OneRank, 3);
        var grant = written.GrantWrite(new PeerIdentity("p", 1));
        pool.Heartbeat(grant.Token with { Value = 1 }, grant.Peer);
        Assert.Equal((2, 3, 4), (Collect(name)["nixl.blocks/reserved"], Collect(name)["nixl.blocks/in_flight"], Collect(name)["nixl.blocks/free"]));
        written.Dispose();
        var seen = Collect(name);
        Assert.Equal((3, 0, 1), (seen["nixl.blocks/quarantined"], seen["nixl.blocks.waiting/"], seen["nixl.leases.refused/unknown"]));
        Assert.Equal(9, seen.Where(entry => entry.Key.StartsWith("nixl.blocks/", StringComparison.Ordinal)).Sum(entry => entry.Value));
        pool.Confirm(grant.Token, grant.Peer);
        pool.Dispose();
        Assert.Empty(Collect(name));
    }

    private static Dictionary<string, long> Collect(string pool)
    {
        var seen = new Dictionary<string, long>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, l) => { if (instrument.Meter.Name == "Nixl.Sdk") l.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            string? of = null, kind = "";
            foreach (var (key, tag) in tags)
            {
                if (key == "nixl.pool") of = (string?)tag;
                else kind = (string?)tag;
            }
            if (of == pool) seen[$"{instrument.Name}/{kind}"] = value;
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return seen;
    }
}
