using System.Runtime.InteropServices;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>
/// The promise on which "tokens identical to monolithic" rests: logits are the same bits wherever the blocks lie, however the
/// prompt is cut into chunks, and whether keys and values were computed here or copied here.
/// </summary>
public sealed class PagedIdentityTests
{
    private const int BlockTokens = 16;
    private const int Blocks = 64;

    [Theory]
    [InlineData(1, 16, 40)]
    [InlineData(15, 16, 40)]
    [InlineData(16, 10, 40)]
    [InlineData(17, 10, 41)]
    [InlineData(63, 24, 48)]
    [InlineData(101, 16, 40)]
    public void Random_blocks_and_any_chunks_give_the_bits_of_a_contiguous_cache(int promptLength, int headDim, int hidden)
    {
        using var test = TestModel.Create(headDim: headDim, hidden: hidden);
        var prompt = ForwardTests.Tokens(promptLength, test.Config.VocabularySize);
        var contiguous = Enumerable.Range(0, Blocks).ToArray();
        var expected = Generate(test, prompt, contiguous, chunk: 1);

        foreach (var (chunk, seed) in new[] { (1, 1), (3, 2), (16, 3), (17, 4), (128, 5) })
        {
            Assert.True(new BlockAllocator(Blocks, seed).TryTake(20, out var table));
            var actual = Generate(test, prompt, table, chunk);
            for (var step = 0; step < expected.Count; step++)
                Assert.True(SameBits(expected[step], actual[step]), $"chunk {chunk}, seed {seed}: step {step} differs");
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(77)]
    public void A_decoder_that_was_handed_whole_blocks_continues_with_the_same_bits(int promptLength)
    {
        using var test = TestModel.Create(headDim: 24);
        var prompt = ForwardTests.Tokens(promptLength, test.Config.VocabularySize);
        var expected = Generate(test, prompt, [.. Enumerable.Range(0, Blocks)], chunk: 32);

        using KvCacheMemory from = new(test.Config, Blocks, BlockTokens), to = new(test.Config, Blocks, BlockTokens);
        using LlamaRunner prefill = new(test.Model, from.Cache, 10), decode = new(test.Model, to.Cache, 1);
        var count = from.Cache.BlocksFor(promptLength);
        Assert.True(new BlockAllocator(Blocks, 8).TryTake(count, out var local));
        Assert.True(new BlockAllocator(Blocks, 9).TryTake(from.Cache.BlocksFor(promptLength + expected.Count), out var remote));
        var logits = prefill.Prefill(prompt, local).ToArray();
        Assert.True(SameBits(expected[0], logits));
        for (var i = 0; i < count; i++) CopyBlock(test.Config, from.Cache, local[i], to.Cache, remote[i]);

        for (var step = 1; step < expected.Count; step++)
        {
            logits = decode.Forward([Greedy.Choose(logits)], promptLength + step - 1, remote).ToArray();
            Assert.True(SameBits(expected[step], logits), $"step {step} differs");
        }
        Assert.Equal(expected.Count - 1, decode.TokensComputed); // never the prompt
    }

    [Fact]
    public void Only_slots_that_were_written_are_read()
    {
        // The pools begin poisoned with NaN; that a whole generation stays finite shows it for this engine's own reads.
        using var test = TestModel.Create();
        foreach (var step in Generate(test, ForwardTests.Tokens(19, test.Config.VocabularySize), [5, 60, 2, 33], chunk: 7))
            Assert.All(step, value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void One_poisoned_row_is_noticed_and_not_turned_into_a_token()
    {
        using var test = TestModel.Create();
        using var memory = new KvCacheMemory(test.Config, Blocks, BlockTokens);
        using var runner = new LlamaRunner(test.Model, memory.Cache);
        int[] table = [9, 4, 40];
        runner.Prefill(ForwardTests.Tokens(30, test.Config.VocabularySize), table);
        Assert.InRange(Greedy.Choose(runner.Forward([1], 30, table)), 0, test.Config.VocabularySize - 1);

        MemoryMarshal.AsBytes(memory.Cache.Value(1, 4, 2, 1)).Fill(0xFF);
        var logits = runner.Forward([1], 31, table).ToArray();
        Assert.Contains("poisoned", Assert.Throws<ArithmeticException>(() => Greedy.Choose(logits)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Neighbouring_blocks_keep_every_byte()
    {
        using var test = TestModel.Create();
        using var memory = new KvCacheMemory(test.Config, Blocks, BlockTokens);
        using var runner = new LlamaRunner(test.Model, memory.Cache, 8);
        int[] table = [7, 3];
        runner.Prefill(ForwardTests.Tokens(21, test.Config.VocabularySize), table);
        for (var layer = 0; layer < test.Config.Layers; layer++)
            for (var block = 0; block < Blocks; block++)
                for (var slot = 0; slot < BlockTokens; slot++)
                    for (var head = 0; head < test.Config.KvHeads; head++)
                    {
                        var written = block == 7 || (block == 3 && slot < 5);
                        Assert.Equal(written, float.IsFinite(memory.Cache.Key(layer, block, slot, head)[0]));
                        Assert.Equal(!written, AllPoison(memory.Cache.Key(layer, block, slot, head)));
                        Assert.Equal(!written, AllPoison(memory.Cache.Value(layer, block, slot, head)));
                    }
    }

    [Fact]
    public void Memory_that_would_change_the_order_of_sums_is_refused()
    {
        using var test = TestModel.Create();
        PagedTensor good = new(4096, 8192, 128, 64), off = new(4096 + 32, 8192, 128, 64);
        Assert.Throws<ArgumentException>(() => new PagedKvCache(test.Config, [good, off], [good, good], 4, 16));
        Assert.Throws<ArgumentException>(() => new PagedKvCache(test.Config, [good], [good, good], 4, 16));
        Assert.Throws<ArgumentException>(() => new PagedKvCache(test.Config, [good, good], [good, good with { BlockStride = 8200 }], 4, 16));
    }

    private static List<float[]> Generate(TestModel test, int[] prompt, int[] table, int chunk)
    {
        using var memory = new KvCacheMemory(test.Config, Blocks, BlockTokens);
        using var runner = new LlamaRunner(test.Model, memory.Cache, chunk);
        List<float[]> steps = [runner.Prefill(prompt, table).ToArray()];
        for (var step = 0; step < 20 && prompt.Length + step < table.Length * BlockTokens; step++)
            steps.Add(runner.Forward([Greedy.Choose(steps[^1])], prompt.Length + step, table).ToArray());
        return steps;
    }

    private static void CopyBlock(LlamaConfig config, PagedKvCache from, int source, PagedKvCache to, int target)
    {
        for (var layer = 0; layer < config.Layers; layer++)
            for (var slot = 0; slot < BlockTokens; slot++)
                for (var head = 0; head < config.KvHeads; head++)
                {
                    from.Key(layer, source, slot, head).CopyTo(to.Key(layer, target, slot, head));
                    from.Value(layer, source, slot, head).CopyTo(to.Value(layer, target, slot, head));
                }
    }

    private static bool AllPoison(Span<float> row) => !MemoryMarshal.AsBytes(row).ContainsAnyExcept((byte)0xFF);

    private static bool SameBits(float[] a, float[] b) => MemoryMarshal.AsBytes<float>(a).SequenceEqual(MemoryMarshal.AsBytes<float>(b));
}
