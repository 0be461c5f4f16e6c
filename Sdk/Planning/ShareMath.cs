using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Which part of a component and which layers a rank holds. Pure functions.</summary>
internal static class ShareMath
{
    /// <summary>The rule that <see cref="KvShard.Auto"/> stands for.</summary>
    public static KvShard Rule(KvComponentSchema component, bool hasHeads) =>
        component.Shard == KvShard.Auto ? hasHeads ? KvShard.Head : KvShard.Replicated : component.Shard;

    /// <summary>The product of a shape.</summary>
    public static long Elements(KvComponentSchema component)
    {
        long elements = 1;
        foreach (var size in component.Shape)
            elements = checked(elements * size);
        return elements;
    }

    /// <summary>The share of one rank, or null and the reason if the size does not divide the component.</summary>
    public static ComponentShare? Share(
        KvGroupSchema group, KvComponentSchema component, bool hasHeads, int tp, int rank, out string? error)
    {
        error = null;
        var heads = hasHeads ? group.KvHeads : 1;
        var elements = Elements(component);
        switch (Rule(component, hasHeads))
        {
            case KvShard.Head:
                if (!Deal(heads, tp, rank, out var firstHead, out var headCount, out var replicas))
                {
                    error = Invariant($"component {component.Name}: tensor parallelism {tp} neither divides its {heads} heads nor is a multiple of them; ") +
                            "use a size that does, or Shard = KvShard.Replicated";
                    return null;
                }
                return new ComponentShare(firstHead, headCount, 0, elements, replicas);
            case KvShard.Units:
                if (!Deal(component.Units, tp, rank, out var firstUnit, out var unitCount, out replicas))
                {
                    error = Invariant($"component {component.Name}: tensor parallelism {tp} neither divides its {component.Units} units nor is a multiple of them");
                    return null;
                }
                var unit = elements / component.Units;
                return new ComponentShare(0, heads, firstUnit * unit, unitCount * unit, replicas);
            default:
                return new ComponentShare(0, heads, 0, elements, tp);
        }
    }

    /// <summary>Deals the layers evenly to the pipeline stages, in runs: stage r of p holds [n*r/p, n*(r+1)/p).</summary>
    public static bool HoldsLayer(int layer, int modelLayers, KvParallel parallel) =>
        layer >= (long)modelLayers * parallel.PpRank / parallel.Pp && layer < (long)modelLayers * (parallel.PpRank + 1) / parallel.Pp;

    // Runs of equal length; with more ranks than parts, neighbouring ranks hold the same part.
    private static bool Deal(int parts, int tp, int rank, out int first, out int count, out int replicas)
    {
        first = count = 0;
        replicas = 1;
        if (parts % tp == 0)
        {
            count = parts / tp;
            first = rank * count;
            return true;
        }
        if (tp % parts != 0)
            return false;
        replicas = tp / parts;
        count = 1;
        first = rank / replicas;
        return true;
    }
}
