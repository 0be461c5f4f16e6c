using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>Which part of the model a rank holds.</summary>
public sealed class ShareTests
{
    [Fact]
    public void Heads_are_dealt_to_the_ranks_in_runs()
    {
        var share = Schemas.KeyValue(KvOrder.SplitNhd).Plan(new KvParallel(Tp: 4, TpRank: 3)).Components[0].Share;
        Assert.Equal((6, 2, 1), (share.FirstHead, share.Heads, share.Replicas));
    }

    [Fact]
    public void With_more_ranks_than_heads_neighbouring_ranks_hold_the_same_head()
    {
        var schema = Schemas.KeyValue(KvOrder.SplitNhd, heads: 2);
        var heads = Enumerable.Range(0, 8).Select(rank => schema.Plan(new KvParallel(Tp: 8, TpRank: rank)).Components[0].Share);
        Assert.Equal([(0, 1, 4), (0, 1, 4), (0, 1, 4), (0, 1, 4), (1, 1, 4), (1, 1, 4), (1, 1, 4), (1, 1, 4)],
            heads.Select(share => (share.FirstHead, share.Heads, share.Replicas)));
    }

    [Fact]
    public void A_size_that_fits_neither_way_is_refused_with_the_numbers()
    {
        var thrown = Assert.Throws<LayoutException>(() => Schemas.KeyValue(KvOrder.SplitNhd).Plan(new KvParallel(Tp: 3)));
        Assert.Contains("tensor parallelism 3 neither divides its 8 heads", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Components_without_heads_are_replicated()
    {
        var group = new KvGroupSchema("mla", KvOrder.Mla) { Layers = 4, BlockTokens = 16, Components = [new("Latent", ElementType.BFloat16, [576])] };
        Assert.Equal(Schemas.One(group).Plan().BytesPerBlock, Schemas.One(group).Plan(new KvParallel(Tp: 8, TpRank: 5)).BytesPerBlock);
    }

    [Fact]
    public void Stages_hold_every_layer_exactly_once()
    {
        var schema = Schemas.KeyValue(KvOrder.SplitNhd, layers: 10).With(group => group with { FirstLayer = 1, LayerStep = 3 });
        var layers = Enumerable.Range(0, 4).SelectMany(stage => schema.Plan(new KvParallel(Pp: 4, PpRank: stage)).Layers);
        Assert.Equal([1, 4, 7, 10, 13, 16, 19, 22, 25, 28], layers);
    }

    [Fact]
    public void A_stage_without_a_layer_of_a_group_has_an_empty_plan()
    {
        var plan = Schemas.KeyValue(KvOrder.SplitNhd, layers: 1).With(group => group with { FirstLayer = 9 }).Plan(new KvParallel(Pp: 2));
        Assert.Empty(plan.Tensors);
        Assert.Empty(plan.Regions);
        Assert.Equal(0, plan.TotalBytes);
    }

    [Theory]
    [InlineData(0, 0, 1, 0)]
    [InlineData(2, 2, 1, 0)]
    [InlineData(2, -1, 1, 0)]
    [InlineData(1, 0, 0, 0)]
    [InlineData(1, 0, 2, 2)]
    public void Impossible_ranks_are_refused(int tp, int tpRank, int pp, int ppRank) => Assert.Throws<ArgumentOutOfRangeException>(
        () => Schemas.KeyValue(KvOrder.SplitNhd).Plan(new KvParallel(tp, tpRank, pp, ppRank)));
}
