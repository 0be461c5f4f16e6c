namespace Nixl.Sdk.Serving;

/// <summary>
/// All ranks of one producing engine, connected to one pool of a consumer, with the proof that together they fill its blocks. Made once by
/// <see cref="KvConsumer{TLayout}.AddSource"/> and used for all requests.
/// </summary>
/// <remarks>Immutable, thread-safe. Owns nothing; bound to the incarnations of its ranks.</remarks>
public sealed class KvSource
{
    private readonly int[][] _parts; // of each rank: the part of each group, or -1

    internal KvSource(KvPool pool, IReadOnlyList<RemoteKvPool> ranks)
    {
        Ranks = [.. ranks];
        Plans = new ArrivalPlan[pool.Groups.Length];
        for (var group = 0; group < Plans.Length; group++) Plans[group] = Plan(pool, Ranks, group);
        _parts = [.. Ranks.Select(rank => Plans.Select(plan => PartOf(plan, rank)).ToArray())];
    }

    /// <summary>The ranks' pools.</summary>
    public IReadOnlyList<RemoteKvPool> Ranks { get; }

    /// <summary>For each group, who gives what.</summary>
    internal ArrivalPlan[] Plans { get; }

    /// <summary>The part of a group's plan that a rank gives; -1 if it gives nothing.</summary>
    internal int PartOf(int rank, int group) => _parts[rank][group];

    private static ArrivalPlan Plan(KvPool pool, IReadOnlyList<RemoteKvPool> ranks, int group)
    {
        if (ranks.Count == 1 && ranks[0].Route(TransferOperation.Read) is null) return ArrivalPlan.SamePlacement(pool, group);
        return ArrivalPlan.Create(pool, [.. ranks.Select(rank => rank.Route(TransferOperation.Read) ?? throw new ArgumentException(
            $"'{rank.Remote.Name}' has the same placement as pool '{pool.Name}' and gives all of it; name no other rank beside it.", nameof(ranks)))], group);
    }

    private static int PartOf(ArrivalPlan plan, RemoteKvPool rank)
    {
        for (var i = 0; i < plan.Parts.Count; i++)
            if (plan.Parts[i].Source == rank.Parallel) return i;
        return -1;
    }
}
