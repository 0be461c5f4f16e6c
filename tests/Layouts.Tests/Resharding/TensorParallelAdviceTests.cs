using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Layouts.Tests.Planning;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Resharding;

/// <summary>The numbers that a user is warned with.</summary>
public sealed class TensorParallelAdviceTests
{
    [Fact]
    public void Tokens_outside_heads_are_warned_about_with_the_numbers_and_the_order_that_helps()
    {
        var problem = Assert.Single(LayoutAdvice.Of(LlamaSplitNhd.Schema), advice => advice.Kind == LayoutProblemKind.TinyPieces); // TpSizes = [4, 8], 16 tokens
        Assert.Equal((0, true), (problem.Group, problem.IsWarning));
        // 8 → 4 is the worse direction: the target's block is twice as large.
        Assert.Equal(
            "between tensor parallelism 8 and 4 a block of group kv is 5120 pieces of 256 bytes, not 160 of 8192, because tokens stand outside heads; " +
            "with the order \"L P | B H N D\" on both sides it is 320 of 4096", problem.Message);
    }

    [Fact]
    public void The_numbers_are_those_of_the_real_plan()
    {
        var routes = ReshardPlan.Create(LlamaSplitNhd.Schema, 8, LlamaSplitNhd.Schema, 4).To(0);
        Assert.Equal(5120, routes.Sum(route => route.Groups[0].PiecesPerTargetBlock));
        var better = LlamaSplitNhd.Schema.With(group => group with { Order = "L P | B H N D" });
        Assert.Equal(320, ReshardPlan.Create(better, 8, better, 4).To(0).Sum(route => route.Groups[0].PiecesPerTargetBlock));
    }

    [Theory]
    [InlineData(KvOrder.SplitHnd)]
    [InlineData(KvOrder.PackedHnd)]
    [InlineData(KvOrder.Mla)]
    public void Whole_pieces_are_no_reason_to_warn(string order)
    {
        var schema = Schemas.KeyValue(order == KvOrder.Mla ? KvOrder.SplitHnd : order) with { TpSizes = [1, 2, 4, 8] };
        Assert.Null(TensorParallelAdvice.Of(schema, 0));
    }

    [Fact]
    public void One_size_or_one_that_does_not_fit_is_no_reason_to_warn()
    {
        Assert.Null(TensorParallelAdvice.Of(Schemas.KeyValue(KvOrder.SplitNhd) with { TpSizes = [8] }, 0));
        Assert.Null(TensorParallelAdvice.Of(Schemas.KeyValue(KvOrder.SplitNhd) with { TpSizes = [3, 5] }, 0));
        Assert.Null(TensorParallelAdvice.Of(Schemas.KeyValue(KvOrder.SplitNhd), 0));
    }

    [Theory]
    [InlineData("L P | B N H D", "L P | B H N D")]
    [InlineData("| B L N H P D", "| B L H N P D")]
    [InlineData("L P | T H D", "L P | B H N D")]
    [InlineData("L P | B H N D", null)]
    [InlineData("L | B N D", null)]
    public void The_better_order_has_heads_just_outside_tokens(string order, string? better) => Assert.Equal(better, TensorParallelAdvice.HeadsOutside(order));
}
