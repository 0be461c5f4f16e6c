using System.Runtime.InteropServices;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Sequences whose prompt comes from another core's blocks: they go on beside others, and nothing of them is computed twice.</summary>
public sealed class AdoptedPromptTests : IDisposable
{
    private readonly TestModel _test = TestModel.Create(heads: 8, kvHeads: 4, headDim: 16);

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_handed_over_prompt_goes_on_beside_others_and_is_never_computed_or_preempted(int ranks)
    {
        using var prefill = new CoreBench(_test.Model, ranks, 16, seed: 3);
        using var decode = new CoreBench(_test.Model, ranks, 9, seed: 4);
        var prompt = Prompt(37, 1);
        var source = prefill.Add(prompt, 1, pinned: true, keep: true);
        prefill.RunToEnd();

        var leases = Reserve(decode, 4); // for its longest answer
        Sequence own = decode.Add(Prompt(20, 2), 60), late = decode.Add(Prompt(25, 5), 30);
        for (var step = 0; step < 7; step++) decode.Step();
        for (var rank = 0; rank < ranks; rank++)
            for (var block = 0; block < 3; block++)
                CopyBlock(prefill.Caches[rank], source.BlockTables[rank].Span[block], decode.Caches[rank], leases[rank].Blocks[block]);
        var remote = Adopt(decode, prompt, 24, leases, source.NewTokens[0]);
        var before = decode.Core.TokensComputed;
        var results = decode.RunToEnd();

        Assert.DoesNotContain(remote, results.SelectMany(result => result.Preempted));
        Assert.NotEmpty(results.SelectMany(result => result.Preempted));
        foreach (var sequence in (Sequence[])[own, remote, late]) decode.AssertAsAlone(sequence);
        Assert.Equal(9, decode.Free);
        Assert.True(decode.Core.TokensComputed > before);
    }

    [Fact]
    public void It_waits_for_a_place_in_the_steps_with_its_blocks()
    {
        using var bench = new CoreBench(_test.Model, 1, 16, new EngineCoreOptions { MaxSequences = 1, StepTokens = 16, PrefixCache = false });
        var first = bench.Add(Prompt(20, 2), 10);
        bench.Step();
        var (prompt, source) = (Prompt(5, 3), new CoreBench(_test.Model, 1, 4));
        using (source)
        {
            var made = source.Add(prompt, 1, keep: true);
            source.RunToEnd();
            var leases = Reserve(bench, 1);
            CopyBlock(source.Caches[0], made.BlockTables[0].Span[0], bench.Caches[0], leases[0].Blocks[0]);
            var remote = Adopt(bench, prompt, 6, leases, made.NewTokens[0]);
            bench.Step();
            Assert.Equal(SequenceState.Arrived, remote.State);
            bench.RunToEnd();
            bench.AssertAsAlone(first);
            bench.AssertAsAlone(remote);
        }
        Assert.Equal(16, bench.Free);
    }

    [Fact]
    public void Blocks_that_are_not_complete_or_too_few_are_refused_and_stay_the_callers()
    {
        using var bench = new CoreBench(_test.Model, 1, 4);
        var leases = Reserve(bench, 2, complete: false);
        var spec = new SequenceSpec("a", Prompt(20, 1), 10);
        Assert.Contains("Reserved", Assert.Throws<ArgumentException>(() => bench.Core.Adopt(spec, leases, 1)).Message, StringComparison.Ordinal);
        leases[0].MarkComputed();
        Assert.Throws<ArgumentException>(() => bench.Core.Adopt(spec with { MaxNewTokens = 20 }, leases, 1));
        Assert.Throws<ArgumentException>(() => bench.Core.Adopt(spec, leases, 50));
        Assert.Equal(2, bench.Free);
        leases[0].Dispose();
        Assert.Equal(4, bench.Free);
    }

    [Fact]
    public void A_cache_that_is_poison_fails_its_sequence_alone()
    {
        using var bench = new CoreBench(_test.Model, 1, 12);
        Sequence good = bench.Add(Prompt(20, 2), 10);
        bench.Step();
        var leases = Reserve(bench, 3);
        foreach (var block in leases[0].Blocks) bench.Caches[0].Poison(block);
        var bad = Adopt(bench, Prompt(37, 1), 10, leases, 5); // a lie
        var failed = bench.RunToEnd().SelectMany(result => result.Failed).ToList();
        Assert.Equal([bad], failed);
        Assert.Equal(FinishReason.Failed, bad.FinishReason);
        bench.AssertAsAlone(good);
        Assert.Equal(12, bench.Free);
    }

    [Fact]
    public void What_was_computed_from_poison_is_never_shared()
    {
        using var bench = new CoreBench(_test.Model, 1, 12, new EngineCoreOptions { ChunkTokens = 16 });
        var prompt = Prompt(60, 1);
        var bad = bench.Add(prompt, 10);
        bench.Step();
        MemoryMarshal.AsBytes(bench.Caches[0].Value(0, bad.BlockTables[0].Span[0], 3, 1)).Fill(0xFF);
        bench.RunToEnd();
        Assert.Equal(FinishReason.Failed, bad.FinishReason);
        var again = bench.Add(prompt, 10);
        bench.RunToEnd();
        Assert.Equal(0, again.CachedTokens);
        bench.AssertAsAlone(again);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Where_the_ranks_know_different_beginnings_the_shortest_counts(int ranks)
    {
        using var bench = new CoreBench(_test.Model, ranks, 12);
        var prompt = Prompt(60, 1);
        bench.Add(prompt, 4);
        bench.RunToEnd();
        using (var lease = bench.Pools[1].TryReserve(11)) Assert.NotNull(lease); // evicts all but one of rank 1's
        var again = bench.Add(prompt, 4);
        bench.RunToEnd();
        Assert.Equal(16, again.CachedTokens);
        bench.AssertAsAlone(again);
        Assert.Equal(12, bench.Free);
    }

    private static BlockLease[] Reserve(CoreBench bench, int count, bool complete = true)
    {
        BlockLease[] leases = [.. bench.Pools.Select(pool => pool.TryReserve(count)!)];
        if (complete) foreach (var lease in leases) lease.MarkComputed();
        return leases;
    }

    private static Sequence Adopt(CoreBench bench, int[] prompt, int maxNewTokens, BlockLease[] leases, int first) =>
        bench.Core.Adopt(new SequenceSpec("remote", prompt, maxNewTokens), leases, first);

    private int[] Prompt(int length, int seed) => ForwardTests.Tokens(length, _test.Config.VocabularySize, seed);

    private void CopyBlock(PagedKvCache from, int source, PagedKvCache to, int target)
    {
        for (var layer = 0; layer < _test.Config.Layers; layer++)
            for (var slot = 0; slot < RankMemory.BlockTokens; slot++)
                for (var head = 0; head < from.Heads; head++)
                {
                    from.Key(layer, source, slot, head).CopyTo(to.Key(layer, target, slot, head));
                    from.Value(layer, source, slot, head).CopyTo(to.Value(layer, target, slot, head));
                }
    }
}
