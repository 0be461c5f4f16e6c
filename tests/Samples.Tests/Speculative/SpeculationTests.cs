using System.Runtime.InteropServices;
using Nixl.Sdk.Engine.Tests;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Samples.Speculative;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Samples.Tests;

/// <summary>Whatever is proposed and whenever the draft engine dies, every token is that of plain greedy decoding, and every block comes back.</summary>
public sealed class SpeculationTests(SpeculationModels models) : IClassFixture<SpeculationModels>
{
    private const string Psalm = "The LORD is my shepherd; I shall not want. He maketh me to lie down in green pastures: he leadeth me beside the still waters. He restoreth my soul:";

    private static readonly string[] Prompts = ["In the beginning God created", "And", "", "Jesus wept.\nThen said the Jews,", Psalm, "\u00e6\u4e16 1234 no such verse"];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(7, false)]
    [InlineData(16, false)]
    [InlineData(3, true)]
    public async Task Answers_are_those_of_plain_decoding(int k, bool adaptive)
    {
        await using var pair = await SpeculationPair.StartAsync(models);
        var (proposed, accepted, writes) = (0, 0, 0);
        foreach (var prompt in Prompts)
            foreach (var tokens in (int[])[1, 2, 70])
            {
                var encoded = SpeculationPair.Encode(prompt);
                var answer = await pair.GenerateAsync(encoded, tokens, k, adaptive);
                Assert.Equal(pair.Plain(encoded, tokens), answer.Tokens);
                Assert.Equal(answer.Tokens.Count, answer.Rounds.Sum(round => round.Accepted + 1)); // EOS and length end rounds nowhere else
                (proposed, accepted, writes) = (proposed + answer.Proposed, accepted + answer.Accepted, writes + answer.Rounds.Count(round => round.Proposed > 0));
            }
        Assert.Equal((DraftState.Remote, null), (pair.Link.State, pair.Link.Failure));
        Assert.Equal(writes, pair.Link.Writes);
        Assert.True(accepted > 0.4 * proposed, $"{accepted} of {proposed} candidates were right; the draft model is of no use");
        AssertAllFree(pair);
        Assert.Equal(SpeculationPair.Blocks, pair.Engine.FreeBlocks);
    }

    [Fact]
    public async Task An_answer_ends_where_the_text_does_and_where_the_positions_do()
    {
        await using var pair = await SpeculationPair.StartAsync(models);
        var max = models.Target.Config.MaxPositions;
        var ends = SpeculationPair.Encode("Let every thing that hath breath praise the");
        var plain = pair.Plain(ends, 100);
        Assert.Equal(ByteTokenizer.Eos, plain[^1]); // else this tests nothing
        for (var k = 1; k <= 8; k++) Assert.Equal(plain, (await pair.GenerateAsync(ends, 100, k)).Tokens); // the end as a candidate, in every place

        var whole = SpeculationPair.Encode(string.Concat(Enumerable.Repeat("And God said, ", 40)))[..(max - 20)];
        Assert.Equal(pair.Plain(whole, 21), (await pair.GenerateAsync(whole, 21, 6)).Tokens);
        Assert.Contains($"{max} positions", (await Assert.ThrowsAsync<ArgumentException>(() => pair.GenerateAsync(whole, 22, 6))).Message, StringComparison.Ordinal);
        AssertAllFree(pair);
    }

    [Fact]
    public async Task What_is_said_to_be_in_the_verifiers_blocks_is_there_bit_for_bit_after_every_round()
    {
        await using var pair = await SpeculationPair.StartAsync(models);
        var rounds = 0;
        await pair.GenerateAsync(SpeculationPair.Encode(Psalm), 60, 5, onRound: round =>
        {
            var (tokens, table) = pair.Link.Transferred;
            using var memory = new KvCacheMemory(models.Draft.Model.Config, (tokens.Length + 15) / 16, 16);
            using var runner = new LlamaRunner(models.Draft.Model, memory.Cache);
            runner.Prefill(tokens, Enumerable.Range(0, (int)memory.Cache.Blocks).ToArray());
            foreach (var (layer, position, head) in Places(0, tokens.Length))
            {
                var (block, slot) = (table[position / KjvDraftKv.BlockTokens], position % KjvDraftKv.BlockTokens);
                Assert.True(
                    SameBits(memory.Cache.Key(layer, position / 16, position % 16, head), pair.Cache.Key(layer, block, slot, head))
                    && SameBits(memory.Cache.Value(layer, position / 16, position % 16, head), pair.Cache.Value(layer, block, slot, head)),
                    $"round {round}: layer {layer}, position {position}, head {head} differs");
            }
            rounds++;
        });
        Assert.True(rounds > 5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(9)]
    public async Task A_draft_engine_that_dies_is_taken_over_from_its_cache_and_nothing_else_is_read(int afterRound)
    {
        var prompt = SpeculationPair.Encode(Psalm);
        Answer undisturbed;
        await using (var pair = await SpeculationPair.StartAsync(models)) undisturbed = await pair.GenerateAsync(prompt, 80, 4);

        await using (var pair = await SpeculationPair.StartAsync(models))
        {
            var answer = await pair.GenerateAsync(prompt, 80, 4, onRound: round =>
            {
                if (round != afterRound) return;
                pair.KillDraft();
                // As after half a WRITE: whatever stands behind the positions that are valid is damaged.
                var known = prompt.Concat(undisturbed.Tokens).ToArray();
                var (tokens, table) = pair.Link.Transferred;
                var accepted = undisturbed.Rounds.Take(round).Sum(r => r.Accepted + 1);
                var valid = tokens.TakeWhile((token, i) => i < prompt.Length + accepted - 1 && token == known[i]).Count();
                Assert.True(valid > prompt.Length - 2);
                foreach (var (layer, position, head) in Places(valid, table.Length * KjvDraftKv.BlockTokens))
                {
                    pair.Cache.Key(layer, table[position / KjvDraftKv.BlockTokens], position % KjvDraftKv.BlockTokens, head).Fill(float.NaN);
                    pair.Cache.Value(layer, table[position / KjvDraftKv.BlockTokens], position % KjvDraftKv.BlockTokens, head).Fill(float.NaN);
                }
            });
            // The same rounds, so the same candidates: what was taken over is what the draft engine had.
            Assert.Equal(undisturbed.Tokens, answer.Tokens);
            Assert.Equal(undisturbed.Rounds, answer.Rounds);
            Assert.Equal(DraftState.TakenOver, pair.Link.State);
            // Per round the open tokens, one or two, and all candidates but the last; never the prompt.
            var least = answer.Rounds.Skip(afterRound).Where(r => r.Proposed > 0).Sum(r => r.Proposed);
            Assert.InRange(pair.Link.PositionsComputedHere, least, least + answer.Rounds.Count - afterRound);
            AssertAllFree(pair);

            // And the next prompt needs nobody else.
            Assert.Equal(pair.Plain(SpeculationPair.Encode("And"), 40), (await pair.GenerateAsync(SpeculationPair.Encode("And"), 40, 4)).Tokens);
            AssertAllFree(pair);
        }
    }

    [Theory]
    [InlineData("random", false)]
    [InlineData("eos", false)]
    [InlineData("vocabulary", true)]
    [InlineData("too few", true)]
    public async Task Garbage_changes_no_token(string kind, bool lost)
    {
        var random = new Random(3);
        await using var pair = await SpeculationPair.StartAsync(models, drafter => new GarbageDrafter(drafter, candidates => kind switch
        {
            "random" => [.. candidates.Select(_ => random.Next(258))],
            "eos" => [.. candidates.Select(_ => ByteTokenizer.Eos)],
            "vocabulary" => [.. candidates.Select(token => token + 258)],
            _ => candidates[1..],
        }));
        var prompt = SpeculationPair.Encode(Psalm);
        var answer = await pair.GenerateAsync(prompt, 60, 4);
        Assert.Equal(pair.Plain(prompt, 60), answer.Tokens);
        Assert.Equal(lost ? DraftState.Lost : DraftState.Remote, pair.Link.State);
        if (lost)
        {
            // It lives and may still write: its blocks are nobody's until it has ended.
            Assert.True(pair.Link.Blocks.Snapshot().Quarantined > 0);
            Assert.Contains("proposal", pair.Link.Failure, StringComparison.Ordinal);
            pair.Link.DraftHasExited();
        }
        AssertAllFree(pair);
    }

    [Fact]
    public async Task A_dead_draft_engine_whose_cache_is_garbage_is_not_used_and_changes_no_token()
    {
        await using var pair = await SpeculationPair.StartAsync(models);
        var prompt = SpeculationPair.Encode(Psalm);
        var answer = await pair.GenerateAsync(prompt, 40, 4, onRound: round =>
        {
            if (round != 3) return;
            pair.KillDraft();
            foreach (var block in pair.Link.Transferred.Blocks) pair.Cache.Poison(block);
        });
        Assert.Equal(pair.Plain(prompt, 40), answer.Tokens);
        Assert.Equal(DraftState.Lost, pair.Link.State);
        Assert.Contains("its cache cannot be used", pair.Link.Failure, StringComparison.Ordinal);
        AssertAllFree(pair);
    }

    [Fact]
    public async Task A_draft_engine_that_is_silent_is_given_up_at_the_deadline_and_its_blocks_wait_for_its_end()
    {
        await using var pair = await SpeculationPair.StartAsync(models, timeout: 1);
        var prompt = SpeculationPair.Encode("And");
        var answer = await pair.GenerateAsync(prompt, 30, 4, onRound: round => pair.Network.Hang |= round == 2);
        Assert.Equal(pair.Plain(prompt, 30), answer.Tokens);
        Assert.Equal(DraftState.Lost, pair.Link.State);
        Assert.True(pair.Link.Blocks.Snapshot().Quarantined > 0);
        Assert.Equal(pair.Plain(prompt, 5), (await pair.GenerateAsync(prompt, 5, 4)).Tokens); // and the verifier goes on
        pair.Network.Hang = false;
        pair.Link.DraftHasExited();
        AssertAllFree(pair);
    }

    [Fact]
    public async Task Another_draft_model_on_the_other_side_is_refused()
    {
        using var other = TestModel.Create(layers: 2, heads: 4, kvHeads: 2, headDim: 32, vocabulary: 258);
        using var model = DraftModel.Load(other.Folder);
        var network = new FakeTransport();
        await using var verifier = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "verifier-0", Transport = network });
        await using var draft = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "draft-0", Transport = network });
        using var pool = models.Draft.CreatePool(verifier, 4);
        var error = await Assert.ThrowsAsync<LayoutMismatchException>(
            () => DraftEngine.ConnectAsync(draft, model, verifier.ExportMetadata(), 4, 1, TimeSpan.FromSeconds(60), null, default));
        Assert.Contains("kjv-draft", error.Message, StringComparison.Ordinal);
    }

    private static void AssertAllFree(SpeculationPair pair)
    {
        Assert.Equal(SpeculationPair.Blocks, pair.Link.Blocks.Snapshot().Free);
        Assert.Equal(pair.Target.Blocks, pair.Target.FreeBlocks);
    }

    private static IEnumerable<(int Layer, int Position, int Head)> Places(int first, int end) =>
        from layer in Enumerable.Range(0, 2) from position in Enumerable.Range(first, end - first) from head in Enumerable.Range(0, 2) select (layer, position, head);

    private static bool SameBits(Span<float> a, Span<float> b) => MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));

    private sealed class GarbageDrafter(IDrafter drafter, Func<int[], int[]> spoil) : IDrafter
    {
        public (int[] Candidates, int From, int To) Propose(IReadOnlyList<int> known, int k)
        {
            var (candidates, from, to) = drafter.Propose(known, k);
            return (spoil(candidates), from, to);
        }
    }
}
