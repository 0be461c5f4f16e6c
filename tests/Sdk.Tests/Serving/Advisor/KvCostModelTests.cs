using CsCheck;
using Nixl.Sdk.Planning;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving.Advisor;

public sealed class KvCostModelTests
{
    private static readonly KvPrompt Prompt = new(4096) { RunningSequences = 31 };

    [Fact]
    public void A_prompt_of_4096_tokens_takes_what_was_reckoned_by_hand()
    {
        var e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, Prompt);
        Assert.Equal(40_960, AdvisorCases.Rank.BytesPerToken);
        Assert.Equal(167_772_160, e.TransferBytes);
        Near(23.967, e.Transfer);
        Near(23.967, e.ExposedTransfer);
        Near(200, e.LocalPrefill);
        Near(52, e.FirstDecodeStep); // 20 ms, and 1 ms for each of 32
        Near(252, e.Monolithic);
        Near(275.967, e.Disaggregated);
        Near(0, e.SchedulingSavings);
        Near(-23.967, e.Gain);
    }

    [Fact]
    public void Queues_make_remote_prefill_pay_or_not()
    {
        var e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, Prompt with { LocalQueuedTokens = 2048 });
        Near(100, e.SchedulingSavings);
        Near(76.033, e.Gain);
        e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, Prompt with { LocalQueuedTokens = 2048, RemoteQueuedTokens = 1024 });
        Near(402 - 50, e.Monolithic);
        Near(325.967, e.Disaggregated);
        Near(26.033, e.Gain);
    }

    [Fact]
    public void Standing_still_of_running_sequences_counts_as_much_as_one_says()
    {
        var e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs with { Interference = 0.02 }, Prompt);
        Near(0.02 * 31 * 200, e.Interference);
        Near(252, e.Monolithic);
        Near((0.02 * 31 * 200) - 23.967, e.Gain);
    }

    [Theory]
    [InlineData(7e9, 0.2996)] // hidden but for the last layer: 23.967 / 80
    [InlineData(0.5e9, 138.044)] // 335.544 behind 79/80 of 200
    public void Layer_by_layer_only_what_the_prefill_does_not_hide_is_waited_for(double bandwidth, double exposed)
    {
        var costs = AdvisorCases.Costs with { LayerByLayer = true, Transfer = new KvRate(bandwidth, TimeSpan.FromMilliseconds(1)) };
        var e = KvCostModel.Estimate(AdvisorCases.Rank, costs, Prompt);
        Near(1 + exposed, e.ExposedTransfer);
        Near(1 + (167_772_160 / bandwidth * 1000), e.Transfer);
    }

    [Fact]
    public void What_is_cached_is_not_computed_and_on_the_receiving_side_not_moved()
    {
        var e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, new KvPrompt(4096) { LocalCachedTokens = 3072, RemoteCachedTokens = 2048 });
        Near(50, e.LocalPrefill);
        Near(100, e.RemotePrefill);
        Assert.Equal(1024 * 40_960, e.TransferBytes);
        e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, new KvPrompt(4096) { LocalCachedTokens = 4096, RemoteCachedTokens = 4096 });
        Assert.Equal(0, e.TransferBytes);
        Near(1 / 20.48, e.LocalPrefill); // one token is always computed
        Near(1 / 20.48, e.RemotePrefill);
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(16, 0, 1)]
    [InlineData(17, 0, 2)]
    [InlineData(100, 20, 6)]
    [InlineData(100, 15, 7)]
    [InlineData(100, 100, 0)]
    public void Whole_blocks_move(int tokens, int cached, int blocks) =>
        Assert.Equal(blocks * 16 * 40_960, AdvisorCases.Rank.BytesToMove(tokens, cached));

    [Fact]
    public void Of_a_sliding_window_only_what_it_covers_moves()
    {
        var hybrid = KvPresets.Expand("Hybrid", AdvisorCases.Llama70B with { Layers = 4, Window = 128, SlidingLayers = [0, 2] });
        var size = KvCacheSize.Of(KvPlan.Create(hybrid, new KvParallel(1, 0, 1, 0), 8));
        const int block = 2 * 2 * 8 * 128 * 2 * 16; // two layers
        Assert.Equal(4, size.Layers);
        Assert.Equal((64 + 9) * block, size.BytesToMove(1024, 0));
        Assert.Equal((2 + 2) * block, size.BytesToMove(1024, 1024 - 32));
        Assert.Equal((4 + 4) * block, size.BytesToMove(64, 0));
    }

    [Fact]
    public void More_of_what_helps_never_hurts() =>
        Gen.Select(Gen.Int[1, 200_000], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Long[0, 1_000_000], Gen.Long[0, 1_000_000], Gen.Double[1e6, 1e11], Gen.Bool)
            .Sample((tokens, local, remote, queuedHere, queuedThere, bandwidth, layers) =>
            {
                var prompt = new KvPrompt(tokens) { LocalCachedTokens = (int)(local * tokens), RemoteCachedTokens = (int)(remote * tokens), LocalQueuedTokens = queuedHere, RemoteQueuedTokens = queuedThere };
                var costs = AdvisorCases.Costs with { Transfer = new KvRate(bandwidth, TimeSpan.FromMilliseconds(2)), LayerByLayer = layers };
                var e = KvCostModel.Estimate(AdvisorCases.Rank, costs, prompt);
                KvEstimate With(KvPrompt p) => KvCostModel.Estimate(AdvisorCases.Rank, costs, p);
                Assert.True(e.ExposedTransfer <= e.Transfer + Tick && e.ExposedTransfer >= TimeSpan.Zero);
                Assert.True((e.Gain - (e.Monolithic + e.Interference - e.Disaggregated)).Duration() <= Tick);
                Assert.True(With(prompt with { LocalQueuedTokens = queuedHere + 1000 }).Gain > e.Gain);
                Assert.True(With(prompt with { RemoteQueuedTokens = queuedThere + 1000 }).Gain < e.Gain);
                Assert.True(With(prompt with { RemoteCachedTokens = tokens }).Disaggregated <= e.Disaggregated + Tick);
                Assert.True(With(prompt with { LocalCachedTokens = tokens }).Monolithic <= e.Monolithic);
                Assert.True(KvCostModel.Estimate(AdvisorCases.Rank, costs with { Transfer = new KvRate(bandwidth * 2) }, prompt).Gain >= e.Gain);
                Assert.True(KvCostModel.Estimate(AdvisorCases.Rank, costs with { LayerByLayer = true }, prompt).Gain >= e.Gain - Tick);
                Assert.True(KvCostModel.Estimate(AdvisorCases.Rank, costs with { Interference = 1 }, prompt with { RunningSequences = 3 }).Gain > e.Gain);
            }, iter: 2000);

    [Fact]
    public void What_is_missing_or_impossible_is_refused()
    {
        Assert.Throws<ArgumentException>(() => KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs with { Transfer = default }, Prompt));
        Assert.Throws<ArgumentException>(() => KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, default));
        Assert.Throws<ArgumentException>(() => KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, new KvPrompt(5) { LocalCachedTokens = 6 }));
        Assert.Throws<ArgumentException>(() => KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, new KvPrompt(5) { RemoteQueuedTokens = -1 }));
        var hopeless = AdvisorCases.Costs with { Transfer = new KvRate(double.Epsilon) };
        Assert.True(KvCostModel.Estimate(AdvisorCases.Rank, hopeless, Prompt).Gain < TimeSpan.FromDays(-1000));
    }

    // docs/serving.md, the table of the break-even.
    [Theory]
    [InlineData(1024, 0, 6.0, -6.0)]
    [InlineData(1024, 512, 6.0, 19.0)]
    [InlineData(4096, 0, 24.0, -24.0)]
    [InlineData(4096, 4096, 24.0, 176.0)]
    [InlineData(32_768, 0, 191.7, -191.7)]
    [InlineData(32_768, 4096, 191.7, 8.3)]
    public void The_table_in_the_documentation_holds(int tokens, int queued, double transfer, double gain)
    {
        var e = KvCostModel.Estimate(AdvisorCases.Rank, AdvisorCases.Costs, new KvPrompt(tokens) { LocalQueuedTokens = queued });
        Assert.Equal(transfer, e.ExposedTransfer.TotalMilliseconds, 1);
        Assert.Equal(gain, e.Gain.TotalMilliseconds, 1);
    }

    private static readonly TimeSpan Tick = TimeSpan.FromMicroseconds(1);

    private static void Near(double milliseconds, TimeSpan time) => Assert.Equal(milliseconds, time.TotalMilliseconds, 0.001);
}
