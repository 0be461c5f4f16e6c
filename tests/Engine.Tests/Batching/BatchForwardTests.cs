using System.Runtime.InteropServices;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>
/// A step over many sequences, in chunks of any size, on any number of ranks, gives each of them the bits that it has alone on one rank.
/// </summary>
public sealed class BatchForwardTests
{
    private const int Blocks = 80;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(2, 4)]
    [InlineData(4, 5)]
    [InlineData(4, 6)]
    public void Random_mixes_give_every_sequence_its_own_bits(int ranks, int seed)
    {
        // Odd sizes: head rows, groups and inner width that fill no vector.
        using var test = TestModel.Create(heads: 8, kvHeads: 4, headDim: 10, hidden: 40, feedForward: 72, vocabulary: 51, tied: false);
        var random = new Random(seed);
        var sequences = Enumerable.Range(0, 7).Select(i => ForwardTests.Tokens(random.Next(1, 120), test.Config.VocabularySize, (seed * 100) + i)).ToArray();
        var alone = sequences.Select(tokens => Alone(test, tokens)).ToArray();

        using var memory = new RankMemory(test.Config, ranks, Blocks);
        // With weights shared by all ranks, or with each rank's own.
        var shards = Enumerable.Range(0, seed % 2 == 0 ? ranks : 0).Select(rank => LlamaModel.Load(test.Folder, rank, ranks)).ToArray();
        using var runner = shards.Length > 0
            ? new BatchRunner(shards, memory.Caches, maxTokens: 48, maxLogits: 24)
            : new BatchRunner(test.Model, memory.Caches, maxTokens: 48, maxLogits: 24);
        var blocks = new BlockAllocator(Blocks, seed);
        var tables = sequences.Select(tokens => Take(blocks, memory.Caches[0].BlocksFor(tokens.Length))).ToArray();
        var done = new int[sequences.Length];
        var batch = new StepBatch();
        while (Enumerable.Range(0, sequences.Length).Any(i => done[i] < sequences[i].Length))
        {
            batch.Clear();
            List<(int Sequence, int Position, int Row)> wanted = [];
            foreach (var i in Enumerable.Range(0, sequences.Length).OrderBy(_ => random.Next()))
            {
                var count = Math.Min(random.Next(2) == 0 ? 1 : random.Next(1, 30), Math.Min(48 - batch.Tokens, sequences[i].Length - done[i]));
                if (count <= 0 || random.Next(4) == 0) continue;
                var tokens = sequences[i].AsSpan(done[i], count);
                if (batch.LogitsRows + count <= runner.MaxLogits && random.Next(2) == 0)
                {
                    var first = batch.AddForAllLogits(tokens, done[i], tables[i]);
                    for (var t = 0; t < count; t++) wanted.Add((i, done[i] + t, first + t));
                    done[i] += count;
                    continue;
                }
                var row = batch.Add(tokens, done[i], tables[i], wantsLogits: batch.LogitsRows < runner.MaxLogits && random.Next(3) > 0);
                done[i] += count;
                if (row >= 0) wanted.Add((i, done[i] - 1, row));
            }
            if (batch.Chunks == 0) continue;
            runner.Run(batch);
            foreach (var (sequence, position, row) in wanted)
                Assert.True(SameBits(alone[sequence][position], runner.Logits(row)), $"sequence {sequence}, position {position} differs");
        }
        Assert.Equal(sequences.Sum(tokens => tokens.Length), runner.TokensComputed);
        foreach (var shard in shards) shard.Dispose();
    }

    [Fact]
    public void A_rank_is_not_given_the_weights_of_another()
    {
        using var test = TestModel.Create(heads: 8, kvHeads: 4, feedForward: 72);
        using LlamaModel first = LlamaModel.Load(test.Folder, 0, 2), second = LlamaModel.Load(test.Folder, 1, 2);
        using var memory = new RankMemory(test.Config, 2, 4);
        Assert.Contains("rank 1 of 2", Assert.Throws<ArgumentException>(() => new BatchRunner([second, first], memory.Caches, 8, 1)).Message, StringComparison.Ordinal);
        using var other = TestModel.Create(heads: 8, kvHeads: 4, feedForward: 72, ropeTheta: 1);
        Assert.Contains("another configuration", Assert.Throws<ArgumentException>(() => new BatchRunner([first, other.Model], memory.Caches, 8, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("1 models", Assert.Throws<ArgumentException>(() => new BatchRunner([first], memory.Caches, 8, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_are_not_there_yet_give_no_logits()
    {
        using var test = TestModel.Create();
        using var empty = LlamaModel.Allocate(test.Config);
        using var memory = new RankMemory(test.Config, 1, 4);
        using var runner = new BatchRunner([empty], memory.Caches, 8, 1);
        int[] table = [0];
        var batch = new StepBatch();
        batch.Add([1, 2], 0, table, wantsLogits: true);
        runner.Run(batch);
        Assert.Throws<ArithmeticException>(() => Greedy.Choose(runner.Logits(0)));
    }

    [Fact]
    public void Each_rank_keeps_the_keys_and_values_of_its_own_heads()
    {
        using var test = TestModel.Create(heads: 8, kvHeads: 4, feedForward: 72);
        var tokens = ForwardTests.Tokens(37, test.Config.VocabularySize);
        using RankMemory one = new(test.Config, 1, 4), four = new(test.Config, 4, 4);
        int[] table = [2, 0, 3];
        foreach (var memory in (RankMemory[])[one, four])
        {
            using var runner = new BatchRunner(test.Model, memory.Caches, 37, 1);
            var batch = new StepBatch();
            batch.Add(tokens, 0, table, wantsLogits: false);
            runner.Run(batch);
        }
        for (var layer = 0; layer < test.Config.Layers; layer++)
            for (var head = 0; head < 4; head++)
                for (var position = 0; position < tokens.Length; position++)
                {
                    var (block, slot) = (table[position / 16], position % 16);
                    Assert.True(SameBits(one.Caches[0].Key(layer, block, slot, head), four.Caches[head].Key(layer, block, slot, 0)));
                    Assert.True(SameBits(one.Caches[0].Value(layer, block, slot, head), four.Caches[head].Value(layer, block, slot, 0)));
                }
    }

    [Fact]
    public void A_degree_that_the_model_cannot_have_is_refused_with_those_that_it_can()
    {
        using var test = TestModel.Create(heads: 6, kvHeads: 2);
        Assert.Contains("runs on 1, 2 rank(s)", Assert.Throws<ArgumentException>(() => test.Config.Shard(4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => test.Config.Shard(3));
        using var memory = new RankMemory(test.Config, 1, 4);
        Assert.Contains("Rank 0's cache", Assert.Throws<ArgumentException>(() => new BatchRunner(test.Model, [memory.Caches[0], memory.Caches[0]], 8, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_the_runner_goes_on()
    {
        using var test = TestModel.Create();
        using var memory = new RankMemory(test.Config, 2, 4);
        using var runner = new BatchRunner(test.Model, memory.Caches, 8, 1);
        int[] one = [1], other = [2], outside = [1, 4];
        Assert.Contains("0 tokens", Fails(_ => { }), StringComparison.Ordinal);
        Assert.Contains("9 tokens", Fails(batch => batch.Add(new int[9], 0, one, false)), StringComparison.Ordinal);
        Assert.Contains("Logits of 2", Fails(batch => { batch.Add([1], 0, one, true); batch.Add([1], 0, other, true); }), StringComparison.Ordinal);
        Assert.Contains("Block 4", Fails(batch => batch.Add([1], 16, outside, false)), StringComparison.Ordinal);
        Assert.Equal(0, runner.TokensComputed);
        var good = new StepBatch();
        good.Add([1], 0, one, true);
        runner.Run(good);
        Assert.InRange(Greedy.Choose(runner.Logits(0)), 0, test.Config.VocabularySize - 1);

        string Fails(Action<StepBatch> fill)
        {
            var batch = new StepBatch();
            fill(batch);
            return Assert.ThrowsAny<ArgumentException>(() => runner.Run(batch)).Message;
        }
    }

    internal static bool SameBits(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));

    /// <summary>The logits after every token, one token at a time, alone.</summary>
    private static float[][] Alone(TestModel test, int[] tokens)
    {
        using var memory = new RankMemory(test.Config, 1, Blocks);
        using var runner = new LlamaRunner(test.Model, memory.Caches[0], 1);
        var table = Enumerable.Range(0, Blocks).ToArray();
        return [.. tokens.Select((token, position) => runner.Forward([token], position, table).ToArray())];
    }

    private static int[] Take(BlockAllocator blocks, int count)
    {
        Assert.True(blocks.TryTake(count, out var taken));
        return taken;
    }
}
