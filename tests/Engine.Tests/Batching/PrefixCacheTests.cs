using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Only what follows a known prefix is computed, and nobody can tell from the answer or the cache.</summary>
public sealed class PrefixCacheTests : IDisposable
{
    private readonly TestModel _test = TestModel.Create(heads: 8, kvHeads: 4, headDim: 16);

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(40, 40, 1, 32)]  // the same prompt: its last 8 tokens
    [InlineData(48, 48, 1, 32)]  // a full hit: the last block is computed for its logits
    [InlineData(49, 49, 2, 48)]  // all but the last token
    [InlineData(40, 70, 4, 32)]  // a longer one
    [InlineData(70, 40, 2, 32)]  // a shorter one
    [InlineData(15, 15, 1, 0)]   // no full block
    public void Only_the_tail_is_computed(int firstLength, int secondLength, int ranks, int cached)
    {
        using var bench = new CoreBench(_test.Model, ranks, 40);
        var tokens = Prompt(100, 1);
        var first = bench.Add(tokens[..firstLength], 5, keep: true);
        bench.RunToEnd();
        var before = bench.Core.TokensComputed;
        var second = bench.Add(tokens[..secondLength], 5, keep: true);
        bench.RunToEnd();

        Assert.Equal(cached, second.CachedTokens);
        Assert.Equal(secondLength - cached + 4, bench.Core.TokensComputed - before);
        Assert.Equal(first.BlockTables[0].Span[..(cached / 16)], second.BlockTables[0].Span[..(cached / 16)]);
        foreach (var own in second.BlockTables[0].Span[(cached / 16)..]) Assert.DoesNotContain(own, first.BlockTables[0].ToArray());
        bench.AssertAsAlone(first);
        bench.AssertAsAlone(second);
        first.Release();
        second.Release();
        Assert.Equal(40, bench.Free);
    }

    [Fact]
    public void Answers_are_prefixes_too()
    {
        using var bench = new CoreBench(_test.Model, 1, 40);
        var first = bench.Add(Prompt(20, 1), 30);
        bench.RunToEnd();
        var next = bench.Add([.. first.Tokens, .. Prompt(9, 2)], 10, keep: true);
        bench.RunToEnd();
        Assert.Equal(48, next.CachedTokens);
        bench.AssertAsAlone(next);
    }

    [Fact]
    public void Equal_tokens_after_another_beginning_are_not_a_hit()
    {
        using var bench = new CoreBench(_test.Model, 1, 40);
        var common = Prompt(48, 1);
        bench.Add([.. Prompt(16, 2), .. common], 3);
        bench.Add([.. Prompt(16, 3), 1], 1);
        bench.RunToEnd();
        var shifted = bench.Add([.. Prompt(16, 3), .. common], 5, keep: true);
        bench.RunToEnd();
        Assert.Equal(16, shifted.CachedTokens); // its own beginning, not the middle of the other
        bench.AssertAsAlone(shifted);
    }

    [Fact]
    public void A_prefix_is_shared_while_its_first_owner_still_writes_behind_it()
    {
        using var bench = new CoreBench(_test.Model, 2, 40);
        var prompt = Prompt(40, 1);
        var first = bench.Add(prompt, 60, keep: true);
        for (var step = 0; step < 5; step++) bench.Step();
        Sequence[] others = [bench.Add(prompt, 20, keep: true), bench.Add([.. prompt[..35], 1, 2, 3], 20, keep: true)];
        bench.RunToEnd();
        Assert.All(others, other => Assert.Equal(32, other.CachedTokens));
        foreach (var sequence in others.Append(first)) bench.AssertAsAlone(sequence);
    }

    [Fact]
    public void Two_that_begin_in_one_step_are_each_computed_and_shared_later()
    {
        using var bench = new CoreBench(_test.Model, 1, 40);
        var prompt = Prompt(40, 1);
        Sequence[] sequences = [bench.Add(prompt, 4, keep: true), bench.Add(prompt, 4, keep: true)];
        bench.RunToEnd();
        Assert.Equal(2 * (40 + 3), bench.Core.TokensComputed);
        foreach (var sequence in sequences)
        {
            bench.AssertAsAlone(sequence);
            sequence.Release();
        }
        Assert.Equal(40, bench.Free);
    }

    [Fact]
    public void A_prefix_gives_its_place_to_those_who_need_it()
    {
        using var bench = new CoreBench(_test.Model, 1, 4);
        bench.Add(Prompt(40, 1), 3);
        bench.RunToEnd();
        Assert.Equal(4, bench.Free); // cached, and free all the same
        var other = bench.Add(Prompt(60, 2), 3, keep: true);
        bench.RunToEnd();
        bench.AssertAsAlone(other);
        other.Release();
        var again = bench.Add(Prompt(40, 1), 3, keep: true);
        bench.RunToEnd();
        Assert.Equal(0, again.CachedTokens);
        bench.AssertAsAlone(again);
    }

    [Fact]
    public void A_preempted_sequence_finds_what_is_left_of_its_own_blocks()
    {
        using var bench = new CoreBench(_test.Model, 1, 7);
        Sequence first = bench.Add(Prompt(30, 10), 50), second = bench.Add(Prompt(33, 11), 40);
        bench.RunToEnd();
        Assert.True(second.Preemptions > 0);
        bench.AssertAsAlone(first);
        bench.AssertAsAlone(second);
    }

    [Fact]
    public void Switched_off_it_shares_nothing()
    {
        using var bench = new CoreBench(_test.Model, 1, 40, new EngineCoreOptions { PrefixCache = false });
        bench.Add(Prompt(40, 1), 3);
        bench.RunToEnd();
        var second = bench.Add(Prompt(40, 1), 3);
        bench.RunToEnd();
        Assert.Equal(0, second.CachedTokens);
        Assert.Equal(2 * 42, bench.Core.TokensComputed);
    }

    private int[] Prompt(int length, int seed) => ForwardTests.Tokens(length, _test.Config.VocabularySize, seed);
}
