namespace Nixl.Sdk.Planning;

/// <summary>
/// The contiguous runs of bytes that block 0 takes in a tensor, grown from the innermost dimension outwards. Neighbours merge
/// inside B; outside B they never do, so that the pieces of a block do not depend on the number of blocks.
/// </summary>
internal sealed class PieceRuns
{
    /// <summary>More pieces than this per block are a mistake, not a layout.</summary>
    public const int MaxPieces = 1 << 16;

    /// <summary>The same for tensors of a group. Both bound what a schema from another machine can make us allocate.</summary>
    public const int MaxTensors = 1 << 15;

    private List<Run> _runs = [];
    private bool _outsideBlock;

    public PieceRuns(long elementBytes, bool transfer)
    {
        if (transfer)
            _runs.Add(new Run(0, elementBytes, 0, -1));
    }

    public IReadOnlyList<Run> Runs => _runs;

    /// <summary>Repeats what is there along a dimension.</summary>
    public void Repeat(long count, long stride, bool isLayer)
    {
        if (!_outsideBlock && _runs.Count == 1 && _runs[0].Length == stride)
        {
            _runs[0] = _runs[0] with { Length = checked(stride * count) };
            return;
        }
        if (checked(_runs.Count * count) > MaxPieces)
            throw new OverflowException("one block is more than " + MaxPieces.ToString(System.Globalization.CultureInfo.InvariantCulture) + " separate pieces");
        var repeated = new List<Run>();
        for (var i = 0L; i < count; i++)
        {
            foreach (var run in _runs)
                Add(repeated, run with { Offset = checked(run.Offset + i * stride), Layer = isLayer && _outsideBlock ? (int)i : run.Layer });
        }
        _runs = repeated;
    }

    /// <summary>Passes the block dimension: what is there is one block's, and repeats at this stride.</summary>
    public void PassBlocks(long stride)
    {
        for (var i = 0; i < _runs.Count; i++)
            _runs[i] = _runs[i] with { Stride = stride };
        _outsideBlock = true;
    }

    /// <summary>Lays the runs of the next component behind those that are here.</summary>
    public void Append(PieceRuns next, long offset)
    {
        foreach (var run in next._runs)
            Add(_runs, run with { Offset = checked(run.Offset + offset) });
    }

    private void Add(List<Run> runs, Run run)
    {
        var last = runs.Count - 1;
        if (!_outsideBlock && last >= 0 && runs[last].Offset + runs[last].Length == run.Offset)
            runs[last] = runs[last] with { Length = checked(runs[last].Length + run.Length) };
        else
            runs.Add(run);
    }

    /// <summary>One run of bytes of block 0.</summary>
    internal readonly record struct Run(long Offset, long Length, long Stride, int Layer);
}
