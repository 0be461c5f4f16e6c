using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests;

/// <summary>The published numbers of real models, against the constants and plans of layouts declared as users declare them.</summary>
public sealed class CheckValueTests
{
    private static readonly KvParallel Tp8 = new(Tp: 8, TpRank: 3);

    [Fact]
    public void A_key_value_split_block_of_llama_is_160_pieces_of_4096_bytes_on_each_of_8_ranks() =>
        AssertPieces(LlamaSplitNhd.Plan(100, Tp8), pieces: 160, bytes: 4096, perToken: 40_960);

    [Fact]
    public void With_64_tokens_a_split_piece_has_16384_bytes() =>
        AssertPieces(LlamaSplitHnd.Plan(100, Tp8), pieces: 160, bytes: 16_384, perToken: 40_960);

    [Fact]
    public void A_packed_block_is_80_pieces_of_8192_bytes() =>
        AssertPieces(LlamaPacked.Plan(100, Tp8), pieces: 80, bytes: 8192, perToken: 40_960);

    [Fact]
    public void A_cross_layer_block_is_one_piece_of_655360_bytes() =>
        AssertPieces(LlamaCrossLayer.Plan(100, Tp8), pieces: 1, bytes: 655_360, perToken: 40_960);

    [Fact]
    public void Two_strips_in_one_tensor_are_as_many_pieces_as_two_tensors() =>
        AssertPieces(LlamaFlashAttention.Plan(100, Tp8), pieces: 160, bytes: 4096, perToken: 40_960);

    [Fact]
    public void Fp8_is_half() =>
        AssertPieces(LlamaFp8.Plan(100, Tp8), pieces: 1, bytes: 655_360 / 2, perToken: 20_480);

    [Fact]
    public void A_token_pool_page_of_one_token_is_160_pieces_of_256_bytes() =>
        AssertPieces(LlamaTokenPool.Plan(100, Tp8), pieces: 160, bytes: 256, perToken: 40_960);

    [Fact]
    public void Tiles_do_not_change_the_pieces() =>
        AssertPieces(LlamaXPacked.Plan(100, Tp8), pieces: 160, bytes: 4096, perToken: 40_960);

    [Fact]
    public void The_latent_is_61_pieces_of_18432_bytes_on_every_rank()
    {
        AssertPieces(DeepSeekMla.Plan(100, Tp8), pieces: 61, bytes: 18_432, perToken: 70_272);
        AssertPieces(DeepSeekMlaTwoParts.Plan(100, Tp8), pieces: 61, bytes: 73_728, perToken: 70_272);
        AssertPieces(DeepSeekCrossLayer.Plan(100, Tp8), pieces: 1, bytes: 4_497_408, perToken: 70_272);
    }

    [Fact]
    public void The_quantised_latent_is_61_pieces_of_41984_bytes_and_the_indexer_adds_61_of_8448()
    {
        var plan = DeepSeekV32.Plan(100, Tp8);
        AssertPieces(plan, 61, 41_984, perToken: 61 * 656);
        AssertPieces(plan, 61, 8448, perToken: 61 * 132, group: 1);
        Assert.Equal(512, plan.Groups[0].Components[1].Offset);
        Assert.Equal(528, plan.Groups[0].Components[2].Offset);
        Assert.Equal(64 * 128, plan.Groups[1].Components[1].Offset);
    }

    [Fact]
    public void State_parts_at_tp_2_are_half_of_each_and_lie_in_one_padded_page()
    {
        var group = NemotronState.Plan(10, new KvParallel(Tp: 2, TpRank: 1)).Groups[0];
        Assert.Equal(23, group.PiecesPerBlock);
        Assert.Equal(18_432 + 1_048_576, group.Regions[0].Length);
        Assert.Equal(1_069_056, group.Regions[0].Stride);
        Assert.Equal(0, group.BytesPerToken);
        Assert.Equal(32 * 64 * 128, group.Components[3].Share.FirstElement);
    }

    [Fact]
    public void Constants_are_those_of_the_whole_model()
    {
        Assert.Equal(80, LlamaSplitNhd.Layers);
        Assert.Equal(16, LlamaSplitNhd.BlockTokens);
        Assert.Equal(8, LlamaSplitNhd.KvHeads);
        Assert.Equal(160, LlamaSplitNhd.TensorCount);
        Assert.Equal(160, LlamaSplitNhd.PiecesPerBlock);
        Assert.Equal(8 * 40_960, LlamaSplitNhd.BytesPerToken);
        Assert.Equal(40_960, LlamaSplitNhd.BytesPerTokenAndHead);
        Assert.Equal(8 * 655_360, LlamaSplitNhd.BytesPerBlock);
        Assert.Equal(2 * 8 * 4096, LlamaSplitNhd.BytesPerBlockAndLayer);
        Assert.Equal(656 * 64 * 61, DeepSeekV32.Mla.BytesPerBlock);
        Assert.Equal(132 * 61, DeepSeekV32.Indexer.BytesPerToken);
        Assert.Equal(160, LlamaFlashAttention.PiecesPerBlock);
        Assert.Equal(23 * 4096 * 521, NemotronState.PageBytesPerBlock);
    }

    [Fact]
    public void The_seed_example_of_4096_tokens_is_160_MiB_per_rank() =>
        Assert.Equal(160L << 20, LlamaSplitNhd.Plan(256, Tp8).Groups[0].BytesPerBlock * 256);

    private static void AssertPieces(KvPlan plan, int pieces, long bytes, long perToken, int group = 0)
    {
        var planned = plan.Groups[group];
        Assert.Equal(pieces, planned.PiecesPerBlock);
        Assert.All(planned.Regions, region => Assert.Equal(bytes, region.Length));
        Assert.Equal(perToken, planned.BytesPerToken);
        Assert.Equal(pieces * bytes, planned.BytesPerBlock);
    }
}
