using System.Runtime.InteropServices;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Sequences whose prompt is computed elsewhere, and sequences whose cache turns out to be no numbers.</summary>
public sealed class RemotePromptTests : IDisposable
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
        var source = prefill.Add(prompt, 1, keep: true);
        prefill.RunToEnd();

        Sequence own = decode.Add(Prompt(20, 2), 60), remote = decode.Add(prompt, 24, remote: true);
        Assert.Contains(remote, decode.Step().Admitted);
        Assert.Equal((SequenceState.Reserved, 4), (remote.State, remote.Blocks.Length)); // for its longest answer
        Sequence late = decode.Add(Prompt(25, 5), 30);
        for (var step = 0; step < 7; step++) decode.Step();
        for (var rank = 0; rank < ranks; rank++)
            for (var block = 0; block < 3; block++) CopyBlock(prefill.Caches[rank], source.Blocks.Span[block], decode.Caches[rank], remote.Blocks.Span[block]);
        decode.Core.Arrived(remote, source.NewTokens[0]);
        Assert.Throws<InvalidOperationException>(() => decode.Core.Arrived(remote, 1));
        var preempted = decode.RunToEnd().SelectMany(result => result.Preempted).ToList();

        Assert.NotEmpty(preempted);
        Assert.DoesNotContain(remote, preempted);
        foreach (var sequence in (Sequence[])[own, remote, late]) decode.AssertAsAlone(sequence);
        Assert.Equal(9, decode.Blocks.Free);
    }

    [Fact]
    public void An_aborted_reservation_keeps_its_blocks_until_nothing_writes_them_any_more()
    {
        using var bench = new CoreBench(_test.Model, 1, 4);
        var remote = bench.Add(Prompt(30, 1), 20, remote: true);
        bench.Step();
        Assert.Equal(0, bench.Blocks.Free);
        Assert.True(bench.Core.Abort(remote));
        Assert.Equal((0, 4), (bench.Blocks.Free, remote.Blocks.Length));
        Assert.Throws<InvalidOperationException>(() => bench.Core.Arrived(remote, 1));
        bench.Core.Release(remote);
        Assert.Equal(4, bench.Blocks.Free);
    }

    [Fact]
    public void Blocks_of_a_sequence_that_runs_cannot_be_given_back()
    {
        using var bench = new CoreBench(_test.Model, 1, 4);
        var sequence = bench.Add(Prompt(30, 1), 3);
        bench.Step();
        Assert.Contains("only a finished", Assert.Throws<InvalidOperationException>(() => bench.Core.Release(sequence)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cache_that_never_arrived_fails_its_sequence_alone()
    {
        using var bench = new CoreBench(_test.Model, 1, 12);
        bench.Add(Prompt(180, 3), 1); // every block has been used: what it held before must not pass for the prompt
        bench.RunToEnd();
        Sequence good = bench.Add(Prompt(20, 2), 10), bad = bench.Add(Prompt(37, 1), 10, remote: true);
        bench.Step();
        bench.Core.Arrived(bad, 5); // a lie: its blocks are still poison
        var failed = bench.RunToEnd().SelectMany(result => result.Failed).ToList();
        Assert.Equal([bad], failed);
        Assert.Equal(FinishReason.Failed, bad.FinishReason);
        bench.AssertAsAlone(good);
        Assert.Equal(12, bench.Blocks.Free);
    }

    [Fact]
    public void What_was_computed_from_poison_is_never_shared()
    {
        using var bench = new CoreBench(_test.Model, 1, 12, new EngineCoreOptions { ChunkTokens = 16 });
        var prompt = Prompt(60, 1);
        var bad = bench.Add(prompt, 10);
        bench.Step();
        MemoryMarshal.AsBytes(bench.Caches[0].Value(0, bad.Blocks.Span[0], 3, 1)).Fill(0xFF);
        bench.RunToEnd();
        Assert.Equal(FinishReason.Failed, bad.FinishReason);
        var again = bench.Add(prompt, 10);
        bench.RunToEnd();
        Assert.Equal(0, again.CachedTokens);
        bench.AssertAsAlone(again);
    }

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
