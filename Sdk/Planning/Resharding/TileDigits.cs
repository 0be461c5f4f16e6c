using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// Steps through a run of one dimension that each side may have in tiles of its own size. The run is cut into digits, innermost
/// first, so that each digit is one stride on both sides.
/// </summary>
internal static class TileDigits
{
    /// <summary>Adds the loops of a run, or returns why the two sides cannot be stepped through together.</summary>
    /// <param name="kind">The dimension; one that neither side has is no loop.</param>
    /// <param name="count">How many there are in the run.</param>
    /// <param name="source">The source's component.</param>
    /// <param name="sourceFirst">Where the run begins in it.</param>
    /// <param name="target">The target's component.</param>
    /// <param name="targetFirst">Where the run begins in it.</param>
    /// <param name="loops">Where to add.</param>
    public static string? Add(
        DimKind kind, long count, KvComponentPlan source, long sourceFirst, KvComponentPlan target, long targetFirst, List<ReshardLoop> loops)
    {
        var from = Dimension.Of(source, kind).For(sourceFirst, count);
        var to = Dimension.Of(target, kind).For(targetFirst, count);
        var (small, large) = from.Tile < to.Tile ? (from.Tile, to.Tile) : (to.Tile, from.Tile);
        if (!from.Fits(sourceFirst, count) || !to.Fits(targetFirst, count) || large % small != 0)
        {
            return Invariant($"{OrderDim.Letters[(int)kind]} of component {source.Schema.Name} lies in tiles of {from.Tile} at the source and of {to.Tile} ") +
                   Invariant($"at the target, and {count} of it, from {sourceFirst} there and {targetFirst} here, are not whole tiles of both");
        }
        var weight = 1L;
        foreach (var next in new[] { small, large, count })
        {
            if (next > weight)
                loops.Add(new ReshardLoop(next / weight, from.Stride(weight), to.Stride(weight)));
            weight = Math.Max(weight, next);
        }
        return null;
    }

    /// <summary>Bytes from one run of <paramref name="count"/> to the next, or null if tiles make that different from run to run.</summary>
    public static long? StrideOf(KvComponentPlan component, DimKind kind, long count, long runs)
    {
        if (runs <= 1)
            return 0;
        var dimension = Dimension.Of(component, kind).For(0, checked(count * runs));
        return count % dimension.Tile == 0 ? dimension.Stride(count) : null;
    }

    /// <summary>One dimension of one side.</summary>
    /// <param name="Tile">Elements of a tile; 1 where the dimension is whole.</param>
    /// <param name="Inner">Bytes between neighbours of a tile, or of the whole dimension.</param>
    /// <param name="Outer">Bytes between tiles.</param>
    private readonly record struct Dimension(long Tile, long Inner, long Outer)
    {
        public static Dimension Of(KvComponentPlan component, DimKind kind)
        {
            var dimension = new Dimension(1, 0, 0);
            foreach (var dim in component.Dims)
            {
                if (dim.Dim.Kind != kind || dim.IsTensor)
                    continue;
                dimension = dim.Dim.Part switch
                {
                    DimPart.Quotient => dimension with { Tile = dim.Dim.Tile, Outer = dim.Stride },
                    DimPart.Remainder => dimension with { Tile = dim.Dim.Tile, Inner = dim.Stride },
                    _ => dimension with { Inner = dim.Stride },
                };
            }
            return dimension;
        }

        /// <summary>As a run sees it: one that stays within a tile meets no tiles.</summary>
        public Dimension For(long first, long count) => Tile > 1 && first % Tile + count <= Tile ? this with { Tile = 1 } : this;

        public bool Fits(long first, long count) => first % Tile == 0 && count % Tile == 0;

        /// <summary>Bytes between elements that are <paramref name="weight"/> apart; it divides the tile or is a multiple of it.</summary>
        public long Stride(long weight) => Tile == 1 || weight < Tile ? checked(weight * Inner) : checked(weight / Tile * Outer);
    }
}
