using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Layouts.Tests.Planning;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Resharding;

/// <summary>Plans between real models' ranks: the published numbers, who gives what, who tells whom, and what is refused.</summary>
public sealed class ReshardPlanTests
{
    [Fact]
    public void Heads_outside_tokens_stay_whole_pieces_when_tp_4_becomes_tp_8()
    {
        var group = Assert.Single(ReshardPlan.Create(LlamaSplitHnd.Schema, 4, LlamaSplitHnd.Schema, 8).To(5)).Groups[0];
        Assert.Equal(160, group.Pieces.Count);
        Assert.All(group.Pieces, piece => Assert.Equal(16_384, piece.Length));
    }

    [Fact]
    public void Tokens_outside_heads_become_2560_pieces_of_256_bytes()
    {
        var route = Assert.Single(ReshardPlan.Create(LlamaSplitNhd.Schema, 4, LlamaSplitNhd.Schema, 8).To(5));
        Assert.Equal(2, route.Source.TpRank);
        Assert.Equal(2560, route.Groups[0].Pieces.Count);
        Assert.All(route.Groups[0].Pieces, piece => Assert.Equal(256, piece.Length));
    }

    [Fact]
    public void Fewer_decode_ranks_take_from_several_prefill_ranks()
    {
        var routes = ReshardPlan.Create(LlamaSplitHnd.Schema, 8, LlamaSplitHnd.Schema, 2).To(1);
        Assert.Equal([4, 5, 6, 7], routes.Select(route => route.Source.TpRank));
        Assert.All(routes, route => Assert.Equal(160 * 16_384, route.Groups[0].BytesPerTargetBlock));
    }

    [Fact]
    public void Sizes_that_do_not_divide_each_other_share_the_heads_where_they_overlap()
    {
        var schema = Schemas.KeyValue(KvOrder.SplitHnd, heads: 12);
        var plan = ReshardPlan.Create(schema, 6, schema, 4); // 2 heads a rank, then 3
        Assert.Equal([(0, 0), (1, 0), (1, 1), (2, 1), (3, 2), (4, 2), (4, 3), (5, 3)], plan.Routes.Select(route => (route.Source.TpRank, route.Target.TpRank)));
        Assert.Equal([0, 1], plan.ReleasedBy(1).Select(rank => rank.TpRank));
    }

    [Fact]
    public void With_more_ranks_than_heads_each_head_is_taken_once_and_the_targets_spread_over_the_holders()
    {
        var schema = Schemas.KeyValue(KvOrder.SplitHnd, heads: 2);
        var plan = ReshardPlan.Create(schema, 8, schema, 8);
        Assert.Equal(Enumerable.Range(0, 8).Select(rank => (rank, rank)), plan.Routes.Select(route => (route.Source.TpRank, route.Target.TpRank)));
        Assert.Equal([(0, 0), (4, 1)], ReshardPlan.Create(schema, 8, schema, 2).Routes.Select(route => (route.Source.TpRank, route.Target.TpRank)));
    }

    [Fact]
    public void A_replicated_latent_comes_from_one_rank_and_every_rank_is_told()
    {
        var plan = ReshardPlan.Create(DeepSeekMla.Schema, 8, DeepSeekMla.Schema, 2);
        Assert.Equal([(0, 0), (4, 1)], plan.Routes.Select(route => (route.Source.TpRank, route.Target.TpRank)));
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1], Enumerable.Range(0, 8).Select(rank => Assert.Single(plan.ReleasedBy(rank)).TpRank));
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1], ReshardPlan.Create(DeepSeekMla.Schema, 2, DeepSeekMla.Schema, 8).Routes.Select(route => route.Source.TpRank));
    }

    [Fact]
    public void Blocks_of_64_tokens_are_filled_by_blocks_of_16()
    {
        var small = Schemas.KeyValue(KvOrder.SplitHnd, blockTokens: 16);
        var large = Schemas.KeyValue(KvOrder.SplitHnd, blockTokens: 64);
        var group = Assert.Single(ReshardPlan.Create(small, 1, large, 1).Routes).Groups[0];
        Assert.Equal(new BlockUnits(16, 1, 4), group.Units);
        Assert.All(group.Pieces, piece => Assert.Equal((16 * 256, 0, 16 * 256), (piece.Length, piece.SourceUnitStride, piece.TargetUnitStride)));
        Assert.Equal(KvPlan.Create(large, KvParallel.Single, 1).Groups[0].BytesPerBlock, group.BytesPerTargetBlock);
        Assert.Equal(new BlockUnits(8, 3, 2), ReshardPlan.Create(Schemas.KeyValue(KvOrder.SplitHnd, blockTokens: 24), 1, small, 1).Routes[0].Groups[0].Units);
    }

    [Theory]
    [InlineData(KvOrder.SplitNhd)]
    [InlineData(KvOrder.FlashAttention)]
    [InlineData(KvOrder.PackedLhbnc)]
    [InlineData(KvOrder.CrossLayer)]
    [InlineData(KvOrder.LmCacheChunk)]
    public void Between_equal_placements_the_pieces_are_those_of_the_block(string order)
    {
        var schema = Schemas.KeyValue(order);
        var plan = KvPlan.Create(schema, KvParallel.Single, 10);
        var pieces = new ReshardPlanner(schema, 1, 1, schema).RoutesTo(plan, plan)[0].Groups[0].Pieces;
        Assert.Equal(
            plan.Groups[0].Regions.Select(region => (region.TensorIndex, region.Offset, region.Stride, region.TensorIndex, region.Offset, region.Stride, region.Length)),
            pieces.Select(piece => (piece.SourceTensor, piece.SourceOffset, piece.SourceStride, piece.TargetTensor, piece.TargetOffset, piece.TargetStride, piece.Length)));
    }

    [Theory]
    [InlineData(KvOrder.FlashAttention)]
    [InlineData(KvOrder.PackedLbhnc)]
    [InlineData("| P N L H B D")]
    public void A_plan_without_pools_has_the_pieces_of_real_pools(string order)
    {
        var schema = Schemas.KeyValue(order);
        var group = Assert.Single(ReshardPlan.Create(schema, 1, schema, 1).Routes).Groups[0];
        Assert.Equal(KvPlan.Create(schema, KvParallel.Single, 100).Groups[0].PiecesPerBlock, group.PiecesPerTargetBlock);
    }

    [Fact]
    public void Ranks_that_hold_the_same_cost_no_plan_each()
    {
        var schema = Schemas.KeyValue("L P | N H B D", layers: 40); // 10,240 pieces in each of 1024 ranks
        var replicated = schema.With(group => group with { Components = [.. group.Components.Select(component => component with { Shard = KvShard.Replicated })] });
        var before = GC.GetAllocatedBytesForCurrentThread();
        var route = Assert.Single(ReshardPlan.Create(replicated, 1024, schema, 1).Routes);
        Assert.Equal(0, route.Source.TpRank);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256 << 20);
    }

    [Fact]
    public void Ranks_that_a_side_does_not_have_are_refused()
    {
        var plan = ReshardPlan.Create(DeepSeekMla.Schema, 8, DeepSeekMla.Schema, 2);
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.ReleasedBy(8)); // its counterpart would be a third target rank
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.ReleasedBy(0, 1));
        Assert.Contains("0 … 1", Assert.Throws<ArgumentOutOfRangeException>(() => plan.To(2)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.To(0, -1));
    }

    [Fact]
    public void Stages_give_their_layers()
    {
        var schema = Schemas.KeyValue(KvOrder.CrossLayer, layers: 10);
        var routes = ReshardPlan.Create(schema, 1, schema, 1, sourcePp: 2, targetPp: 3).Routes; // 0-4 5-9, then 0-2 3-5 6-9
        Assert.Equal([(0, 0), (0, 1), (1, 1), (1, 2)], routes.Select(route => (route.Source.PpRank, route.Target.PpRank)));
        Assert.Equal([3, 2, 1, 4], routes.Select(route => route.Groups[0].BytesPerTargetBlock / (2 * 8 * 16 * 256)));
    }

    [Fact]
    public void Different_content_is_refused_with_the_field()
    {
        var fp8 = Schemas.KeyValue(KvOrder.SplitNhd).WithComponent(1, component => component with { Type = ElementType.Fp8E4M3 });
        var thrown = Assert.Throws<ArgumentException>(() => ReshardPlan.Create(Schemas.KeyValue(KvOrder.SplitNhd), 1, fp8, 1));
        Assert.Contains("kv.component Value: bf16 128, per head and token here, fp8_e4m3 128, per head and token there", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_scale_per_block_is_not_one_scale_per_token()
    {
        var perToken = Schemas.KeyValue("L | B P H N D");
        var perBlock = perToken.WithComponent(1, component => component with { Order = "H D" });
        Assert.Contains("per head here", Assert.Throws<ArgumentException>(() => ReshardPlan.Create(perBlock, 1, perToken, 1)).Message, StringComparison.Ordinal);
        Assert.Single(ReshardPlan.Create(perBlock, 1, perBlock, 1).Routes);
        var larger = perBlock.With(group => group with { BlockTokens = 32 });
        Assert.Contains("one value per block", Assert.Throws<NotSupportedException>(() => ReshardPlan.Create(perBlock, 1, larger, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_size_that_does_not_fit_the_heads_is_refused() =>
        Assert.Throws<LayoutException>(() => ReshardPlan.Create(LlamaSplitNhd.Schema, 3, LlamaSplitNhd.Schema, 8));

    [Fact]
    public void Blocks_of_too_many_units_are_refused_before_they_cost_memory()
    {
        var small = Schemas.KeyValue(KvOrder.SplitHnd, layers: 80, blockTokens: 16);
        var large = Schemas.KeyValue(KvOrder.SplitHnd, layers: 80, blockTokens: 1 << 24);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("more than 1048576 pieces", Assert.Throws<NotSupportedException>(() => ReshardPlan.Create(small, 1, large, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("more than 1048576 pieces", Assert.Throws<NotSupportedException>(() => ReshardPlan.Create(large, 1, small, 1)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Fact]
    public void What_falls_apart_into_too_many_pieces_is_refused_with_the_number()
    {
        var tokens = Schemas.KeyValue("L P | B N H D", layers: 80, blockTokens: 256);
        var content = Schemas.KeyValue("L P | B D H N", layers: 80, blockTokens: 256);
        Assert.Contains("runs of 2 bytes", Assert.Throws<NotSupportedException>(() => ReshardPlan.Create(tokens, 1, content, 1)).Message, StringComparison.Ordinal);
    }
}
