using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>Schemas that no compiler has checked: the planner finds the same mistakes and says all of them.</summary>
public sealed class RuntimeSchemaTests
{
    [Fact]
    public void All_mistakes_are_in_one_exception()
    {
        var thrown = Assert.Throws<LayoutException>(() => Schemas.KeyValue("L P | B N H", heads: 8).With(group => group with { Layers = 0 }).Plan());
        Assert.Equal([LayoutProblemKind.Size, LayoutProblemKind.Dimension], thrown.Problems.Select(problem => problem.Kind));
        Assert.Contains("Layers is 0", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("has no D", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pools_above_64_bits_are_refused_instead_of_wrapping_around() =>
        Assert.Throws<OverflowException>(() => Schemas.KeyValue(KvOrder.CrossLayer, layers: 80).Plan(blocks: long.MaxValue / 1000));

    [Fact]
    public void Regions_reach_beyond_4_GiB()
    {
        var plan = Schemas.KeyValue(KvOrder.FlashAttention, layers: 1).Plan(blocks: 1_000_000);
        Assert.Equal(1_000_000L * 32_768, plan.Regions[1].Offset);
        Assert.Equal(2_000_000L * 32_768, plan.Tensors[0].Bytes);
    }

    [Theory]
    [InlineData(KvOrder.SplitNhd)]
    [InlineData(KvOrder.FlashAttention)]
    [InlineData(KvOrder.PackedLbhnc)]
    [InlineData(KvOrder.PackedLhbnc)]
    [InlineData(KvOrder.CrossLayer)]
    public void The_pieces_of_a_block_do_not_depend_on_the_number_of_blocks(string order)
    {
        var one = Schemas.KeyValue(order).Plan(blocks: 1).Regions.Select(region => (region.TensorIndex, region.Length, region.Layer));
        var many = Schemas.KeyValue(order).Plan(blocks: 7).Regions.Select(region => (region.TensorIndex, region.Length, region.Layer));
        Assert.Equal(many, one);
    }

    [Fact]
    public void Groups_may_have_different_numbers_of_blocks()
    {
        var group = Schemas.KeyValue(KvOrder.SplitNhd).Groups[0];
        var plan = KvPlan.Create(new KvSchema("Two", [group, group with { Name = "window", Window = 64 }]), KvParallel.Single, [100, 7]);
        Assert.Equal([100, 7], plan.Groups.Select(planned => planned.Blocks));
        Assert.Throws<ArgumentException>(() => KvPlan.Create(plan.Schema, KvParallel.Single, [100]));
        Assert.Throws<ArgumentOutOfRangeException>(() => KvPlan.Create(plan.Schema, KvParallel.Single, [100, 0]));
    }

    [Fact]
    public void More_pieces_than_can_be_planned_are_refused() => Assert.Contains("separate pieces", Assert.Throws<LayoutException>(
        () => Schemas.KeyValue("L P | H N B D", layers: 64, blockTokens: 1024, heads: 64).Plan()).Message, StringComparison.Ordinal);

    [Fact]
    public void More_tensors_than_can_be_planned_are_refused() => Assert.Contains("separate tensors", Assert.Throws<LayoutException>(
        () => Schemas.KeyValue("L H P | B N D", layers: 1024, heads: 64).Plan()).Message, StringComparison.Ordinal);

    [Fact]
    public void Schemas_are_values()
    {
        Assert.Equal(Schemas.KeyValue(KvOrder.SplitNhd), Schemas.KeyValue(KvOrder.SplitNhd));
        Assert.Equal(Schemas.KeyValue(KvOrder.SplitNhd).GetHashCode(), Schemas.KeyValue(KvOrder.SplitNhd).GetHashCode());
        Assert.NotEqual(Schemas.KeyValue(KvOrder.SplitNhd), Schemas.KeyValue(KvOrder.SplitHnd));
    }
}
