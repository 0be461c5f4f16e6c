using Nixl.Sdk.Planning;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Arrival plans of small layouts, made as an engine's are: from the routes between ranks.</summary>
internal static class ServingPlans
{
    public static ArrivalPlan Create(KvSchema schema, int sourceTp = 1, int targetTp = 1, int sourcePp = 1, int targetPp = 1) =>
        Create(schema, schema, sourceTp, targetTp, sourcePp, targetPp);

    public static ArrivalPlan Create(KvSchema source, KvSchema target, int sourceTp = 1, int targetTp = 1, int sourcePp = 1, int targetPp = 1)
    {
        var plan = Target(target, targetTp, targetPp);
        return ArrivalPlan.Create(plan.Groups[0], 1, plan.Parallel, Routes(source, target, plan, sourceTp, sourcePp));
    }

    public static KvPlan Target(KvSchema target, int tp = 1, int pp = 1) => KvPlan.Create(target, new KvParallel(tp, 0, pp, 0), 8);

    public static KvList<ReshardRoute> Routes(KvSchema source, KvSchema target, KvPlan plan, int sourceTp, int sourcePp = 1) =>
        new ReshardPlanner(source, sourceTp, sourcePp, target).RoutesTo(plan);

    /// <summary>Two source ranks that each give half the heads of every layer.</summary>
    public static ArrivalPlan TwoRanks { get; } = Create(SplitKv.Schema, sourceTp: 2);

    /// <summary>One source rank that gives everything.</summary>
    public static ArrivalPlan OneRank { get; } = Create(SplitKv.Schema);

    public static NotificationInfo Notice(LeaseGrant grant, ReadOnlySpan<ArrivalRun> runs, PeerIdentity? sender = null, long? bytes = null)
    {
        var from = sender ?? grant.Peer;
        long declared = 0;
        foreach (var run in runs) declared += run.Length * run.Layers * run.Blocks;
        return new NotificationInfo(from.Name, from.Incarnation, 0, true, TransferOperation.Write, bytes ?? declared, 1, grant.Token.Value, 0, 1);
    }

    /// <summary>Delivers whole blocks of a grant's part.</summary>
    public static LeaseAnswer Deliver(this BlockPool pool, LeaseGrant grant, ArrivalPlan plan, int block, int blocks)
    {
        var run = plan.Parts[grant.Part].Whole(block, blocks);
        return pool.Arrived(Notice(grant, [run]), [run], out _);
    }
}
