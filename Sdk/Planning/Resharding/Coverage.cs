using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// Proves by interval arithmetic that what several sources give one target fills each of its blocks: every byte once, none beside
/// it, and that no source gives bytes that it does not transfer. One block is looked at; equal strides make it true for all of them.
/// </summary>
internal static class Coverage
{
    /// <summary>What is wrong, or null if the pieces are exactly the target's block.</summary>
    /// <param name="target">The target rank's plan of the group.</param>
    /// <param name="sources">What each source gives of it.</param>
    public static string? Find(KvGroupPlan target, IEnumerable<ReshardGroup> sources)
    {
        var given = new List<Interval>();
        foreach (var source in sources)
        {
            var taken = new List<Interval>();
            foreach (var piece in source.Pieces)
            {
                AddUnits(given, piece.TargetTensor, piece.TargetOffset, piece.Length, piece.TargetStride, piece.TargetUnitStride, source.Units.TargetPerBlock);
                AddUnits(taken, piece.SourceTensor, piece.SourceOffset, piece.Length, piece.SourceStride, piece.SourceUnitStride, source.Units.SourcePerBlock);
            }
            if (FindOutside(Whole(taken), Whole(Intervals(source.Source))) is { } outside)
                return "a source would be read where it holds nothing to transfer, at " + outside;
        }
        given.Sort();
        for (var i = 1; i < given.Count; i++)
        {
            if (given[i].Tensor == given[i - 1].Tensor && given[i].Start < given[i - 1].End)
                return "a byte would be written twice, at " + given[i];
        }
        var wanted = Whole(Intervals(target));
        var found = Whole(given);
        for (var i = 0; i < Math.Max(wanted.Count, found.Count); i++)
        {
            var order = i >= wanted.Count ? -1 : i >= found.Count ? 1 : found[i].ComparePlace(wanted[i]);
            if (order < 0 || (order == 0 && (found[i].Stride != wanted[i].Stride || found[i].End > wanted[i].End)))
                return "bytes would be written that are no part of a block, at " + found[i];
            if (order > 0 || found[i].End < wanted[i].End)
                return "bytes of a block would not be written, at " + wanted[i];
        }
        return null;
    }

    private static void AddUnits(List<Interval> all, int tensor, long offset, long length, long stride, long unitStride, int units)
    {
        for (var unit = 0; unit < units; unit++)
            all.Add(new Interval(tensor, stride, checked(offset + unit * unitStride), checked(offset + unit * unitStride + length)));
    }

    private static List<Interval> Intervals(KvGroupPlan plan)
    {
        var all = new List<Interval>();
        foreach (var region in plan.Regions)
            all.Add(new Interval(region.TensorIndex, region.Stride, region.Offset, checked(region.Offset + region.Length)));
        return all;
    }

    // Sorted, and neighbours joined.
    private static List<Interval> Whole(List<Interval> intervals)
    {
        intervals.Sort();
        var joined = new List<Interval>();
        foreach (var interval in intervals)
        {
            var last = joined.Count - 1;
            if (last >= 0 && joined[last].Tensor == interval.Tensor && joined[last].Stride == interval.Stride && joined[last].End >= interval.Start)
                joined[last] = joined[last] with { End = Math.Max(joined[last].End, interval.End) };
            else
                joined.Add(interval);
        }
        return joined;
    }

    private static string? FindOutside(List<Interval> parts, List<Interval> whole)
    {
        var at = 0;
        foreach (var part in parts)
        {
            while (at < whole.Count && (whole[at].Tensor < part.Tensor || (whole[at].Tensor == part.Tensor && whole[at].End <= part.Start)))
                at++;
            if (at == whole.Count || whole[at].Tensor != part.Tensor || whole[at].Stride != part.Stride || whole[at].Start > part.Start || whole[at].End < part.End)
                return part.ToString();
        }
        return null;
    }

    /// <summary>Bytes of block 0, and how far apart the blocks are.</summary>
    private readonly record struct Interval(int Tensor, long Stride, long Start, long End) : IComparable<Interval>
    {
        public int CompareTo(Interval other)
        {
            var order = ComparePlace(other);
            return order == 0 ? End.CompareTo(other.End) : order;
        }

        /// <summary>Compares where they begin.</summary>
        public int ComparePlace(Interval other)
        {
            var order = Tensor.CompareTo(other.Tensor);
            return order == 0 ? Start.CompareTo(other.Start) : order;
        }

        public override string ToString() => Invariant($"tensor {Tensor}, bytes {Start} … {End - 1} of block 0, stride {Stride}");
    }
}
