using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// Finds the runs of bytes that one rank's group and another's have in common. The content of the two is equal; where it lies may
/// differ in every way: order, block size, tiles, shares. Each run is as long as it can be on both sides.
/// </summary>
internal sealed class GroupMapper
{
    /// <summary>More runs than this per unit are not planned; they would merge into fewer only by luck, and cost memory meanwhile.</summary>
    private const long MaxRuns = 1 << 20;

    private readonly KvGroupPlan _source;
    private readonly KvGroupPlan _target;
    private readonly BlockUnits _units;
    private readonly List<ReshardPiece> _pieces = [];

    private GroupMapper(KvGroupPlan source, KvGroupPlan target, BlockUnits units)
    {
        _source = source;
        _target = target;
        _units = units;
    }

    /// <summary>The pieces of one unit. <paramref name="takes"/> says whether the target takes a component from this source.</summary>
    /// <exception cref="NotSupportedException">The two placements cannot be mapped; the message says which component and why.</exception>
    public static KvList<ReshardPiece> Map(
        KvGroupPlan source, KvGroupPlan target, BlockUnits units, Func<KvComponentPlan, KvComponentPlan, bool> takes)
    {
        var mapper = new GroupMapper(source, target, units);
        foreach (var to in target.Components)
        {
            var from = source.Components.FirstOrDefault(component => string.Equals(component.Schema.Name, to.Schema.Name, StringComparison.Ordinal))
                ?? throw new ArgumentException("The source has no component " + to.Schema.Name + ".", nameof(source));
            if (to.Schema.Transfer && takes(from, to))
                mapper.MapComponent(from, to);
        }
        return PieceMerge.Merge(mapper._pieces);
    }

    private void MapComponent(KvComponentPlan from, KvComponentPlan to)
    {
        var (head, heads) = Common(from.Share.FirstHead, from.Share.Heads, to.Share.FirstHead, to.Share.Heads);
        var (element, elements) = Common(from.Share.FirstElement, from.Share.Elements, to.Share.FirstElement, to.Share.Elements);
        if (heads < 1 || elements < 1)
            return;
        var (sourceElement, targetElement) = (element - from.Share.FirstElement, element - to.Share.FirstElement);
        var loops = new List<ReshardLoop>();
        Require(to, TileDigits.Add(DimKind.Content, elements, from, sourceElement, to, targetElement, loops));
        Require(to, TileDigits.Add(DimKind.Token, EntriesOf(to), from, 0, to, 0, loops));
        var headsApart = IsTensor(from, DimKind.Head) || IsTensor(to, DimKind.Head);
        if (!headsApart)
            Add(loops, heads, from.StrideOf(DimKind.Head), to.StrideOf(DimKind.Head));

        var shape = new ReshardPiece(
            0, 0, from.StrideOf(DimKind.Block), UnitStride(from, _units.SourcePerBlock),
            0, 0, to.StrideOf(DimKind.Block), UnitStride(to, _units.TargetPerBlock), to.ElementBytes, -1);
        var layersApart = IsTensor(from, DimKind.Layer) || IsTensor(to, DimKind.Layer);
        foreach (var layers in LayerRuns(layersApart))
        {
            var all = new List<ReshardLoop>(loops);
            Add(all, layers.Count, from.StrideOf(DimKind.Layer), to.StrideOf(DimKind.Layer));
            for (var i = 0; i < (headsApart ? heads : 1); i++)
            {
                var at = from.Locate(layers.Source, 0, (int)(head - from.Share.FirstHead) + i, 0, sourceElement);
                var there = to.Locate(layers.Target, 0, (int)(head - to.Share.FirstHead) + i, 0, targetElement);
                Emit(shape with
                {
                    SourceTensor = at.TensorIndex, SourceOffset = at.Offset, TargetTensor = there.TensorIndex, TargetOffset = there.Offset,
                    Layer = layers.Count == 1 ? _target.Layers[layers.Target] : -1,
                }, all);
            }
        }
    }

    // Loops that continue the run on both sides become part of it; the others repeat it.
    private void Emit(ReshardPiece run, List<ReshardLoop> loops)
    {
        var rest = new List<ReshardLoop>(loops);
        int next;
        while ((next = rest.FindIndex(loop => loop.Source == run.Length && loop.Target == run.Length)) >= 0)
        {
            run = run with { Length = checked(run.Length * rest[next].Count) };
            rest.RemoveAt(next);
        }
        var count = 1L;
        foreach (var loop in rest)
            count = checked(count * loop.Count);
        if (count + _pieces.Count > MaxRuns)
        {
            throw new NotSupportedException(Invariant(
                $"Group {_target.Schema.Name}: the two placements have only runs of {run.Length} bytes in common, more than {MaxRuns} of them per block; use orders that are closer to each other."));
        }
        Repeat(run, rest, 0);
    }

    private void Repeat(ReshardPiece run, List<ReshardLoop> loops, int depth)
    {
        if (depth == loops.Count)
        {
            _pieces.Add(run);
            return;
        }
        for (var i = 0L; i < loops[depth].Count; i++)
        {
            Repeat(run with
            {
                SourceOffset = checked(run.SourceOffset + i * loops[depth].Source), TargetOffset = checked(run.TargetOffset + i * loops[depth].Target),
            }, loops, depth + 1);
        }
    }

    // Layers that both ranks hold. Neighbours on both sides are one run, unless each layer is a tensor somewhere.
    private List<(int Source, int Target, int Count)> LayerRuns(bool apart)
    {
        var runs = new List<(int Source, int Target, int Count)>();
        for (var target = 0; target < _target.Layers.Count; target++)
        {
            var source = IndexOf(_source.Layers, _target.Layers[target]);
            if (source < 0)
                continue;
            var last = runs.Count - 1;
            if (!apart && last >= 0 && runs[last].Source + runs[last].Count == source && runs[last].Target + runs[last].Count == target)
                runs[last] = (runs[last].Source, runs[last].Target, runs[last].Count + 1);
            else
                runs.Add((source, target, 1));
        }
        return runs;
    }

    private long EntriesOf(KvComponentPlan component) =>
        _units.Tokens == 0 || !Has(component, DimKind.Token) ? 1 : _units.Tokens / _target.Schema.TokensPerEntry;

    private long UnitStride(KvComponentPlan component, int units)
    {
        if (units > 1 && !Has(component, DimKind.Token))
        {
            throw new NotSupportedException(Invariant(
                $"Group {_target.Schema.Name}, component {component.Schema.Name}: it has one value per block, so blocks of different sizes have no values in common; use one block size on both sides."));
        }
        return TileDigits.StrideOf(component, DimKind.Token, EntriesOf(component), units) ?? throw new NotSupportedException(Invariant(
            $"Group {_target.Schema.Name}, component {component.Schema.Name}: {EntriesOf(component)} tokens, which the two block sizes have in common, are no whole tile; use block sizes whose common divisor is a multiple of it."));
    }

    private void Require(KvComponentPlan component, string? error)
    {
        if (error is not null)
            throw new NotSupportedException("Group " + _target.Schema.Name + ": " + error + "; use the same tiles for " + component.Schema.Name + " on both sides.");
    }

    private static void Add(List<ReshardLoop> loops, long count, long source, long target)
    {
        if (count > 1)
            loops.Add(new ReshardLoop(count, source, target));
    }

    private static (long First, long Count) Common(long first, long count, long otherFirst, long otherCount)
    {
        var from = Math.Max(first, otherFirst);
        return (from, Math.Min(first + count, otherFirst + otherCount) - from);
    }

    private static int IndexOf(KvList<int> layers, int layer)
    {
        for (var i = 0; i < layers.Count; i++)
        {
            if (layers[i] == layer)
                return i;
        }
        return -1;
    }

    private static bool Has(KvComponentPlan component, DimKind kind) => component.Dims.Any(dim => dim.Dim.Kind == kind);

    private static bool IsTensor(KvComponentPlan component, DimKind kind) => component.Dims.Any(dim => dim.Dim.Kind == kind && dim.IsTensor);
}
