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
        var spoiled = new bool[coverage.Blocks];
        for (var part = 0; part < coverage.Plan.Parts.Count; part++)
        {
            var given = coverage.Plan.Parts[part];
            for (var layer = 0; layer < given.LayerCount; layer++)
            {
                for (var block = 0; block < coverage.Blocks; block++)
                {
                    if (coverage.Has(part, layer, block, out var gap))
                        continue;
                    var first = block;
                    while (block + 1 < coverage.Blocks && !coverage.Has(part, layer, block + 1, out var next) && next == gap)
                        block++; // the neighbour lacks the same bytes
                    gaps.Add(new ArrivalGap(
                        given.Source, given.Layers.Count == 0 ? -1 : given.Layers[layer], first, block + 1 - first, gap.Start, gap.End - gap.Start));
                    spoiled.AsSpan(first, block + 1 - first).Fill(true);
                }
            }
        }
        return new Arrival(lease, coverage.Version, false, gaps, [.. Enumerable.Range(0, spoiled.Length).Where(block => spoiled[block])]);
    }
}
