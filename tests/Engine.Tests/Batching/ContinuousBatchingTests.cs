using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Sequences that come, go, wait, lose their blocks and are aborted: each answer that is given is the one of the sequence alone.</summary>
public sealed class ContinuousBatchingTests : IDisposable
{
    private readonly TestModel _test = TestModel.Create(layers: 2, heads: 8, kvHeads: 4, headDim: 10, hidden: 40, feedForward: 72, vocabulary: 40, extraConfig: "\"eos_token_id\": [3],");

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, true)]
    [InlineData(3, 2, false)]
    [InlineData(4, 2, true)]
    [InlineData(5, 4, false)]
    [InlineData(6, 4, true)]
    [InlineData(7, 1, true)]
    [InlineData(8, 1, false)]
    public void Random_mixes_end_as_each_sequence_alone_and_every_block_comes_back(int seed, int ranks, bool prefixCache)
    {
        var random = new Random(seed);
        var options = new EngineCoreOptions
        {
            StepTokens = random.Next(6, 80), ChunkTokens = random.Next(1, 40), MaxSequences = random.Next(3, 7), PrefixCache = prefixCache,
        };
        using var bench = new CoreBench(_test.Model, ranks, blocks: 12, options, seed);
        int[] common = Prompt(50, seed);
        List<Sequence> sequences = [], aborted = [];
        var preemptions = 0;
        for (var step = 0; sequences.Count < 24 || sequences.Any(sequence => sequence.State != SequenceState.Finished); step++)
        {
            Assert.True(step < 10_000, "no end");
            if (sequences.Count < 24 && random.Next(3) == 0)
            {
                int[] prompt = random.Next(2) == 0 ? Prompt(random.Next(1, 90), (seed * 1000) + step) : [.. common[..random.Next(1, 50)], .. Prompt(random.Next(0, 30), step)];
                sequences.Add(bench.Add(prompt, random.Next(1, 60), keep: random.Next(2) == 0));
            }
            if (sequences.Count > 0 && random.Next(40) == 0)
            {
                var victim = sequences[random.Next(sequences.Count)];
                if (bench.Core.Abort(victim)) aborted.Add(victim);
            }
            preemptions += bench.Step().Preempted.Count;
            // Kept blocks go back at random; with a pool of 12 the others wait for them.
            foreach (var sequence in sequences.Where(sequence => sequence.State == SequenceState.Finished && sequence.Spec.KeepBlocks && sequence.Leases.Count > 0).ToList())
                if (random.Next(3) == 0)
                {
                    if (!aborted.Contains(sequence)) bench.AssertAsAlone(sequence);
                    sequence.Release();
                }
        }
        foreach (var sequence in sequences.Except(aborted).Where(sequence => sequence.Leases.Count > 0 || !sequence.Spec.KeepBlocks)) bench.AssertAsAlone(sequence);
        foreach (var sequence in sequences) sequence.Release();
        Assert.Equal(12, bench.Free);
        Assert.True(preemptions > 0, "the pool was never short: the test shows too little");
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    [InlineData(7, 4)]
    [InlineData(16, 1)]
    [InlineData(17, 2)]
    [InlineData(64, 4)]
    [InlineData(200, 1)]
    public void Any_chunk_size_gives_the_same_bits(int chunk, int ranks)
    {
        using var bench = new CoreBench(_test.Model, ranks, 80, new EngineCoreOptions { ChunkTokens = chunk, StepTokens = 100, PrefixCache = false });
        int[] lengths = [1, 15, 16, 33, 100, 150];
        Sequence[] sequences = [.. lengths.Select(length => bench.Add(Prompt(length, length), 30, keep: true))];
        var results = bench.RunToEnd();

        foreach (var sequence in sequences) bench.AssertAsAlone(sequence);
        Assert.All(results, result => Assert.InRange(result.Tokens, 0, 100));
        Assert.True(results.Count >= 150 / chunk);
    }

    [Fact]
    public void An_answer_gets_its_token_in_every_step_while_a_long_prompt_is_computed()
    {
        using var test = TestModel.Create(); // whose answers never end early
        using var bench = new CoreBench(test.Model, 1, 40, new EngineCoreOptions { ChunkTokens = 8, StepTokens = 12, MaxSequences = 4 });
        var first = bench.Add(Prompt(5, 3), 60);
        bench.Step();
        var second = bench.Add(Prompt(100, 4), 4);
        for (var step = 1; step <= 13; step++)
        {
            bench.Step();
            Assert.Equal((1 + step, Math.Min(step * 8, 100)), (first.NewTokens.Length, second.ComputedTokens));
        }
        Assert.Equal(1, second.NewTokens.Length);
        bench.RunToEnd();
        bench.AssertAsAlone(first);
        bench.AssertAsAlone(second);
    }

    [Fact]
    public void When_blocks_run_out_the_last_one_admitted_is_computed_again_and_repeats_no_token()
    {
        using var bench = new CoreBench(_test.Model, 1, 7, new EngineCoreOptions { PrefixCache = false });
        Sequence[] sequences = [bench.Add(Prompt(30, 10), 50), bench.Add(Prompt(28, 11), 40), bench.Add(Prompt(10, 12), 10)];
        var order = new List<Sequence>();
        foreach (var result in bench.RunToEnd())
        {
            if (result.Preempted.Count > 0) Assert.Empty(result.Admitted);
            order.AddRange(result.Preempted);
        }
        Assert.NotEmpty(order);
        Assert.DoesNotContain(sequences[0], order); // the first one always goes on
        Assert.True(order.TrueForAll(sequence => sequence.Preemptions > 0));
        foreach (var sequence in sequences) bench.AssertAsAlone(sequence);
        Assert.Equal(7, bench.Free);
        Assert.True(bench.Core.TokensComputed > sequences.Sum(sequence => sequence.Tokens.Length - 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Abort_at_every_step_leaves_the_others_as_they_are(int ranks)
    {
        for (var at = 0; ; at++)
        {
            using var bench = new CoreBench(_test.Model, ranks, 8, new EngineCoreOptions { ChunkTokens = 5, MaxSequences = 3 });
            Sequence[] sequences = [bench.Add(Prompt(20, 1), 25), bench.Add(Prompt(33, 2), 20), bench.Add(Prompt(20, 1), 10), bench.Add(Prompt(7, 4), 5)];
            for (var step = 0; step < at; step++) bench.Step();
            var victim = sequences[at % 4];
            var wasFinished = victim.State == SequenceState.Finished;
            Assert.Equal(!wasFinished, bench.Core.Abort(victim));
            Assert.False(bench.Core.Abort(victim));
            var ended = sequences.All(sequence => sequence.State == SequenceState.Finished);
            var tokens = victim.Tokens.Length;
            bench.RunToEnd();

            Assert.Equal(tokens, victim.Tokens.Length);
            if (!wasFinished) Assert.Equal(FinishReason.Aborted, victim.FinishReason);
            foreach (var sequence in sequences)
                if (sequence != victim || wasFinished) bench.AssertAsAlone(sequence);
            Assert.Equal(8, bench.Free);
            Assert.Equal((0, 0), (bench.Core.Waiting, bench.Core.Running));
            if (ended && at > 60) return;
        }
    }

    [Fact]
    public void What_can_never_fit_is_refused_with_the_numbers()
    {
        using var bench = new CoreBench(_test.Model, 1, 4);
        Assert.Contains("79 positions, which need 5 blocks; the pool has 4", Refused(Prompt(60, 1), 20), StringComparison.Ordinal);
        Assert.Contains("made for 256 positions", Refused(Prompt(60, 1), 1000), StringComparison.Ordinal);
        Assert.Contains("no prompt tokens", Refused([], 5), StringComparison.Ordinal);
        Assert.Contains("0 new tokens", Refused([1], 0), StringComparison.Ordinal);
        Assert.Contains("token 40", Refused([40], 1), StringComparison.Ordinal);
        Assert.True(bench.Step().IsIdle);
        bench.Add(Prompt(60, 1), 5); // exactly the pool
        bench.RunToEnd();
        Assert.Contains("StepTokens is 4", Assert.Throws<ArgumentException>(() => new CoreBench(_test.Model, 1, 4, new EngineCoreOptions { StepTokens = 4, MaxSequences = 5 })).Message, StringComparison.Ordinal);

        string Refused(int[] prompt, int maxNewTokens) => Assert.Throws<ArgumentException>(() => bench.Add(prompt, maxNewTokens)).Message;
    }

    [Fact]
    public void Without_free_blocks_sequences_wait_in_their_order()
    {
        using var bench = new CoreBench(_test.Model, 1, 4, new EngineCoreOptions { PrefixCache = false });
        var first = bench.Add(Prompt(40, 1), 1, keep: true);
        Sequence large = bench.Add(Prompt(30, 2), 1), small = bench.Add(Prompt(3, 3), 1);
        bench.RunToEnd();
        Assert.Equal((SequenceState.Finished, SequenceState.Waiting, SequenceState.Waiting), (first.State, large.State, small.State)); // small would fit
        Assert.Equal(1, bench.Free);
        bench.AssertAsAlone(first);

        first.Release();
        bench.RunToEnd();
        bench.AssertAsAlone(large);
        bench.AssertAsAlone(small);
        Assert.Equal(4, bench.Free);
        first.Release(); // nothing is left to give back
        Assert.Equal(4, bench.Free);
    }

    [Fact]
    public void Nobody_is_admitted_into_the_last_block_that_a_growing_answer_needs()
    {
        using var test = TestModel.Create(); // whose answers never end early
        using var bench = new CoreBench(test.Model, 1, 4);
        Sequence growing = bench.Add(Prompt(10, 1), 30), waiting = bench.Add(Prompt(40, 2), 1); // 1 block, then 3; 3 blocks
        var results = bench.RunToEnd();
        Assert.All(results, result => Assert.Empty(result.Preempted));
        Assert.Contains(growing, results[0].Admitted);
        Assert.Contains(waiting, results[30].Admitted);
        bench.AssertAsAlone(growing);
        bench.AssertAsAlone(waiting);
    }

    [Fact]
    public void A_cancelled_step_has_not_begun()
    {
        using var bench = new CoreBench(_test.Model, 2, 8);
        var sequence = bench.Add(Prompt(20, 1), 5);
        Assert.Throws<OperationCanceledException>(() => bench.Core.Step(new CancellationToken(canceled: true)));
        Assert.Equal(SequenceState.Waiting, sequence.State);
        bench.RunToEnd();
        bench.AssertAsAlone(sequence);
    }

    private int[] Prompt(int length, int seed) => ForwardTests.Tokens(length, _test.Config.VocabularySize, seed);
}
