using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Finds blocks whose pieces are too small, and the block size that mends it.</summary>
internal static class PieceSizeAdvice
{
    private const int MaxBlockTokens = 1 << 16;

    public static LayoutProblem? Of(KvSchema schema, int index)
    {
        var group = schema.Groups[index];
        if (group.BlockTokens == 0 || IsOneTokenPool(group, index))
            return null;

        // The more ranks, the smaller the pieces: the greatest size is the one to look at.
        var tp = 1;
        foreach (var size in schema.TpSizes)
            tp = Math.Max(tp, size);
        if (LayoutAdvice.Plan(schema, index, group, tp) is not { } plan)
            return null;
        var largest = Largest(plan);
        if (largest == 0 || largest >= LayoutAdvice.GoodPieceBytes)
            return null;

        var rank = tp == 1 ? "on one rank with the whole model" : Invariant($"at TP {tp}");
        var message = Invariant($"group {group.Name}: {rank} a block of {group.BlockTokens} tokens is {Pieces(plan)} bytes; ") +
            Invariant($"pieces below {LayoutAdvice.GoodPieceBytes:N0} bytes cost more per operation than per byte");
        var better = Better(schema, index, group, tp, largest);
        message += better is null
            ? "; no block size mends it, only an order with N inside B and fewer pieces does"
            : Invariant($"; with BlockTokens = {better.Schema.BlockTokens} it is {Pieces(better)}");
        return new LayoutProblem(LayoutProblemKind.SmallPieces, index, -1, message) { Suggestion = better?.Schema.BlockTokens ?? 0 };
    }

    // An engine with pages of one token has chosen so; its runs of slots become larger pieces by themselves.
    private static bool IsOneTokenPool(KvGroupSchema group, int index) =>
        group.BlockTokens == 1 && GroupOrders.Resolve(group, index, []) is { Slots: true };

    // Small components beside large ones (scales) never get there; the largest says whether the block does.
    private static long Largest(KvGroupPlan plan)
    {
        var largest = 0L;
        foreach (var region in plan.Regions)
            largest = Math.Max(largest, region.Length);
        return largest;
    }

    // Doubled, so that tiles and compressed entries still divide it.
    private static KvGroupPlan? Better(KvSchema schema, int index, KvGroupSchema group, int tp, long largest)
    {
        for (var tokens = group.BlockTokens * 2L; tokens <= MaxBlockTokens; tokens *= 2)
        {
            var plan = LayoutAdvice.Plan(schema, index, group with { BlockTokens = (int)tokens }, tp);
            if (plan is null || Largest(plan) == largest)
                return null;
            if (Largest(plan) >= LayoutAdvice.GoodPieceBytes)
                return plan;
        }
        return null;
    }

    /// <summary>For example <c>160 × 4,096</c>, or <c>160 × 4,096 + 80 × 64</c>; at most three terms.</summary>
    private static string Pieces(KvGroupPlan plan)
    {
        var counts = new SortedDictionary<long, int>();
        foreach (var region in plan.Regions)
        {
            counts.TryGetValue(region.Length, out var count);
            counts[region.Length] = count + 1;
        }
        var terms = new List<string>();
        foreach (var pair in counts)
            terms.Insert(0, Invariant($"{pair.Value:N0} × {pair.Key:N0}"));
        return terms.Count <= 3 ? string.Join(" + ", terms) : string.Join(" + ", terms.GetRange(0, 3)) + " + …";
    }
}
