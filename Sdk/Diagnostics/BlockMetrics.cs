using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Diagnostics;

/// <summary>Block pools in the meter "Nixl.Sdk": read from snapshots when somebody collects, so that a change of a block costs nothing.</summary>
internal static class BlockMetrics
{
    private static readonly Watched<BlockPool> Pools = new();

    static BlockMetrics()
    {
        Instruments.Make(static meter => meter.CreateObservableGauge("nixl.blocks", ReadBlocks, "{block}", "Blocks by state"));
        Instruments.Make(static meter => meter.CreateObservableGauge("nixl.blocks.waiting", () => Read(static (in BlockPoolSnapshot s) => s.Waiting), "{reservation}", "Reservations that wait for blocks"));
        Instruments.Make(static meter => meter.CreateObservableCounter("nixl.blocks.prefix.asked", () => Read(static (in BlockPoolSnapshot s) => s.PrefixBlocksAsked), "{block}", "Prefix blocks that reservations asked for"));
        Instruments.Make(static meter => meter.CreateObservableCounter("nixl.blocks.prefix.hit", () => Read(static (in BlockPoolSnapshot s) => s.PrefixBlocksHit), "{block}", "Prefix blocks that were there"));
        Instruments.Make(static meter => meter.CreateObservableCounter("nixl.leases.refused", ReadRefused, "{message}", "Messages about leases that were refused"));
    }

    private delegate long Reading(in BlockPoolSnapshot snapshot);

    public static void Add(BlockPool pool) => Pools.Add(pool);

    public static void Remove(BlockPool pool) => Pools.Remove(pool);

    private static IEnumerable<Measurement<long>> Read(Reading reading) => Pools.Living().Select(pool => new Measurement<long>(reading(pool.Snapshot()), Tag(pool)));

    private static IEnumerable<Measurement<long>> ReadBlocks()
    {
        foreach (var pool in Pools.Living())
        {
            var s = pool.Snapshot();
            yield return Of("free", s.Free);
            yield return Of("cached", s.Cached);
            yield return Of("reserved", s.Reserved);
            yield return Of("in_flight", s.InFlight);
            yield return Of("quiesced", s.Quiesced);
            yield return Of("ready", s.Ready);
            yield return Of("quarantined", s.Quarantined);

            Measurement<long> Of(string state, long value) => new(value, Tag(pool), new("nixl.block.state", state));
        }
    }

    private static IEnumerable<Measurement<long>> ReadRefused()
    {
        foreach (var pool in Pools.Living())
        {
            var s = pool.Snapshot();
            yield return Of("unknown", s.RefusedUnknown);
            yield return Of("stale", s.RefusedStale);
            yield return Of("not_granted", s.RefusedNotGranted);
            yield return Of("expired", s.RefusedExpired);
            yield return Of("given_up", s.RefusedGivenUp);
            yield return Of("malformed", s.RefusedMalformed);

            Measurement<long> Of(string reason, long value) => new(value, Tag(pool), new("nixl.lease.refusal", reason));
        }
    }

    private static KeyValuePair<string, object?> Tag(BlockPool pool) => new("nixl.pool", pool.Name);
}
