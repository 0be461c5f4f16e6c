using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// Finds layouts whose blocks fall into tiny pieces when they move between two of the tensor-parallel sizes that a program is deployed
/// with, and says which order keeps them whole. For the compiler's user: nothing of this forbids a plan.
/// </summary>
internal static class TensorParallelAdvice
{
    /// <summary>Pieces shorter than this drown a transport in operations.</summary>
    private const long Tiny = 4096;

    /// <summary>The numbers of the worst pair of <see cref="KvSchema.TpSizes"/> for a group of a valid layout, or null.</summary>
    public static LayoutProblem? Of(KvSchema schema, int index)
    {
        var group = schema.Groups[index];
        if (schema.TpSizes.Count < 2 || group.KvHeads == 0 || group.BlockTokens == 0)
            return null;
        return Worst(group, schema.TpSizes) is { } worst && Describe(group, worst) is { } message
            ? new LayoutProblem(LayoutProblemKind.TinyPieces, index, -1, message)
            : null;
    }

    /// <summary>The order with heads outside tokens that holds the same, or null if the group's order has no token outside a head.</summary>
    public static string? HeadsOutside(string order)
    {
        var text = order.Replace("T", "B N");
        var head = text.IndexOf('H');
        var token = text.IndexOf('N');
        if (token < 0 || head < token || text.IndexOf("N/", StringComparison.Ordinal) >= 0)
            return null;
        return text.Remove(head, text.Length > head + 1 && text[head + 1] == ' ' ? 2 : 1).Insert(token, "H ").TrimEnd();
    }

    private static string? Describe(KvGroupSchema group, Split worst)
    {
        var text = Invariant($"between tensor parallelism {worst.From} and {worst.To} a block of group {group.Name} is {worst.Pieces} pieces of {worst.Bytes / worst.Pieces} bytes, ") +
                   Invariant($"not {worst.Whole} of {worst.Bytes / worst.Whole}, because tokens stand outside heads");
        if (HeadsOutside(group.Order) is not { } order || Cut(group with { Order = order }, worst.From, worst.To) is not { } better || better.Pieces >= worst.Pieces)
            return null;
        return text + Invariant($"; with the order \"{order}\" on both sides it is {better.Pieces} of {better.Bytes / better.Pieces}");
    }

    private static Split? Worst(KvGroupSchema group, KvList<int> sizes)
    {
        Split? worst = null;
        foreach (var from in sizes)
        {
            foreach (var to in sizes)
            {
                if (from == to || Cut(group, from, to) is not { } split)
                    continue;
                if (split.Pieces > split.Whole && split.Bytes / split.Pieces < Tiny && (worst is null || split.Pieces > worst.Value.Pieces))
                    worst = split;
            }
        }
        return worst;
    }

    // Two small models say how the pieces grow with the layers, so that a deep model costs no more than a shallow one.
    private static Split? Cut(KvGroupSchema group, int from, int to)
    {
        if (TryCut(group, 1, from, to) is not { } one || TryCut(group, 2, from, to) is not { } two)
            return null;
        var more = group.Layers - 1;
        return new Split(from, to, one.Pieces + (two.Pieces - one.Pieces) * more, one.Whole + (two.Whole - one.Whole) * more, one.Bytes + (two.Bytes - one.Bytes) * more);
    }

    private static Split? TryCut(KvGroupSchema group, int layers, int from, int to)
    {
        var trial = new KvSchema("Trial",
            new KvList<KvGroupSchema>([group with { Layers = layers, FirstLayer = 0, LayerStep = 1, LayerIndices = KvList<int>.Empty, Share = KvShare.Own, Pool = "" }]));
        try
        {
            var target = KvPlan.Create(trial, new KvParallel(to), ReshardPlanner.TrialBlocks);
            var pieces = 0L;
            foreach (var route in new ReshardPlanner(trial, from, 1, trial).RoutesTo(target))
                pieces += route.Groups[0].PiecesPerTargetBlock;
            return new Split(from, to, pieces, target.Groups[0].PiecesPerBlock, target.Groups[0].BytesPerBlock);
        }
        catch (LayoutException)
        {
            return null; // a size that does not fit is reported as that
        }
        catch (NotSupportedException)
        {
            return null;
        }
    }

    private readonly record struct Split(int From, int To, long Pieces, long Whole, long Bytes);
}
