namespace Nixl.Sdk.Serving;

/// <summary>Turns a coverage into an <see cref="Arrival"/>: what is missing, and which blocks that spoils.</summary>
internal static class ArrivalReport
{
    /// <summary>Takes stock. Under the pool's lock.</summary>
    public static Arrival Of(BlockLease lease, LeaseCoverage coverage)
    {
        if (coverage.IsComplete)
            return new Arrival(lease, coverage.Version, true, [], []);
        var gaps = new List<ArrivalGap>();
        var blocks = new SortedSet<int>();
        for (var part = 0; part < coverage.Plan.Parts.Count; part++)
        {
            var given = coverage.Plan.Parts[part];
            for (var layer = 0; layer < given.LayerCount; layer++)
            {
                for (var block = 0; block < coverage.Blocks; block++)
                {
                    if (coverage.Has(part, layer, block, out var gap))
                        continue;
                    blocks.Add(block);
                    Add(gaps, new ArrivalGap(given.Source, given.Layers.Count == 0 ? -1 : given.Layers[layer], block, 1, gap.Start, gap.End - gap.Start));
                }
            }
        }
        return new Arrival(lease, coverage.Version, false, gaps, [.. blocks]);
    }

    // Joined to its neighbour if that lacks the same bytes.
    private static void Add(List<ArrivalGap> gaps, ArrivalGap gap)
    {
        if (gaps.Count > 0 && gaps[^1] with { Blocks = 1, Block = gap.Block } == gap && gaps[^1].Block + gaps[^1].Blocks == gap.Block)
            gaps[^1] = gaps[^1] with { Blocks = gaps[^1].Blocks + 1 };
        else
            gaps.Add(gap);
    }
}
