using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>The coverage against a naive one that has a flag for every byte.</summary>
public sealed class CoverageTests
{
    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(2, 3, 1)]
    [InlineData(3, 70, 0)] // more than one word of bits
    [InlineData(4, 130, 65)]
    public void Declarations_in_any_order_and_overlapping_cover_what_they_name(int seed, int blocks, int cached)
    {
        for (var round = 0; round < 20; round++)
        {
            var random = new Random(seed * 1000 + round);
            var plan = round % 2 == 0 ? ServingPlans.TwoRanks : ServingPlans.OneRank;
            var coverage = new LeaseCoverage(plan, blocks, cached);
            var naive = plan.Parts.Select(part => new bool[part.LayerCount, blocks, part.BytesPerLayer]).ToArray();
            for (var step = 0; step < 60; step++)
            {
                var part = random.Next(plan.Parts.Count);
                if (random.Next(25) == 0)
                {
                    coverage.Clear(part);
                    Array.Clear(naive[part]);
                }
                var runs = Enumerable.Range(0, random.Next(1, 4)).Select(_ => Run(random, plan.Parts[part], cached, blocks)).ToArray();
                Assert.True(coverage.TryAdd(part, runs, runs.Sum(run => run.Length * run.Layers * run.Blocks)));
                foreach (var run in runs) Set(naive[part], run);
                Compare(coverage, naive, cached);
                if (random.Next(4) > 0 || runs[0].Length < plan.Parts[part].BytesPerLayer) continue;
                coverage.Remove(part, runs[0].Layer, runs[0].Block); // its checksum differs
                Set(naive[part], runs[0] with { Layers = 1, Blocks = 1 }, arrived: false);
                Compare(coverage, naive, cached);
            }
            for (var part = 0; part < plan.Parts.Count; part++)
            {
                var whole = plan.Parts[part].Whole(cached, blocks - cached);
                Assert.True(coverage.TryAdd(part, [whole], plan.Parts[part].BytesPerBlock * (blocks - cached)));
                Set(naive[part], whole);
                Compare(coverage, naive, cached);
            }
            Assert.True(coverage.IsComplete);
        }
    }

    private static ArrivalRun Run(Random random, ArrivalPart part, int cached, int blocks)
    {
        var layer = random.Next(part.LayerCount);
        var block = random.Next(cached, blocks);
        var offset = random.Next(3) == 0 ? random.NextInt64(part.BytesPerLayer) : 0;
        var length = random.Next(3) > 0 ? part.BytesPerLayer - offset : random.NextInt64(part.BytesPerLayer - offset) + 1;
        return new ArrivalRun(layer, random.Next(part.LayerCount - layer) + 1, block, random.Next(blocks - block) + 1, offset, length);
    }

    private static void Set(bool[,,] bytes, ArrivalRun run, bool arrived = true)
    {
        for (var layer = run.Layer; layer < run.Layer + run.Layers; layer++)
            for (var block = run.Block; block < run.Block + run.Blocks; block++)
                for (var at = run.Offset; at < run.Offset + run.Length; at++) bytes[layer, block, at] = arrived;
    }

    private static void Compare(LeaseCoverage coverage, bool[][,,] naive, int cached)
    {
        var layers = new bool[3];
        Array.Fill(layers, true);
        for (var part = 0; part < naive.Length; part++)
        {
            var complete = true;
            for (var layer = 0; layer < naive[part].GetLength(0); layer++)
            {
                for (var block = 0; block < naive[part].GetLength(1); block++)
                {
                    var first = block < cached ? -1 : FirstMissing(naive[part], layer, block);
                    var has = coverage.Has(part, layer, block, out var gap);
                    Assert.Equal(first < 0, has);
                    if (!has) Assert.Equal(first, gap.Start);
                    if (!has) Assert.False(naive[part][layer, block, gap.End - 1]);
                    complete &= has;
                    layers[layer] &= has;
                }
            }
            Assert.Equal(complete, coverage.IsPartComplete(part));
        }
        for (var layer = 0; layer < layers.Length; layer++) Assert.Equal(layers[layer], coverage.IsLayerComplete(layer));
        Assert.Equal(layers.All(layer => layer), coverage.IsComplete);
    }

    private static int FirstMissing(bool[,,] bytes, int layer, int block)
    {
        for (var i = 0; i < bytes.GetLength(2); i++)
            if (!bytes[layer, block, i]) return i;
        return -1;
    }
}
