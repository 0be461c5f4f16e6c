using Nixl.Sdk.Planning;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Pools;

namespace Nixl.Sdk.Tests.Serving;

/// <summary>Which bytes are expected of whom, for other placements on the other side.</summary>
public sealed class ArrivalPlanTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    [InlineData(1, 4)]
    [InlineData(8, 8)] // more ranks than heads: only one of two holders gives
    public void The_parts_are_the_whole_block(int sourceTp, int targetTp)
    {
        var plan = ServingPlans.Create(SplitKv.Schema, PackedKv.Schema, sourceTp, targetTp);
        Assert.Equal(ServingPlans.Target(PackedKv.Schema, targetTp).Groups[0].BytesPerBlock, plan.BytesPerBlock);
        Assert.Equal(Math.Max(1, sourceTp / targetTp), plan.Parts.Count);
        Assert.All(plan.Parts, part => Assert.Equal([0, 1, 2], part.Layers));
    }

    [Fact]
    public void Stages_give_their_own_layers()
    {
        var plan = ServingPlans.Create(SplitKv.Schema, sourcePp: 3);
        Assert.Equal(3, plan.Parts.Count);
        Assert.Equal([[0], [1], [2]], plan.Parts.Select(part => part.Layers.ToArray()));
    }

    [Fact]
    public void Where_pieces_span_layers_all_bytes_are_one_layer()
    {
        var plan = ServingPlans.Create(CrossLayerKv.Schema);
        Assert.Empty(Assert.Single(plan.Parts).Layers);
        using var pool = new BlockPool(1);
        using var lease = pool.TryReserve(1)!;
        lease.Expect(plan, 1);
        var grant = lease.GrantWrite(new PeerIdentity("p", 1));
        Assert.False(lease.HasLayer(0) || lease.HasLayer(2));
        Assert.Equal(LeaseAnswer.Accepted, pool.Deliver(grant, plan, 0, 1));
        Assert.True(lease.HasLayer(0) && lease.HasLayer(2));
    }

    [Fact]
    public void The_same_placement_needs_no_routes()
    {
        var target = ServingPlans.Target(SplitKv.Schema);
        var plan = ArrivalPlan.SamePlacement(target.Groups[0], 3, target.Parallel);
        Assert.Equal(target.Groups[0].BytesPerBlock * 3, plan.BytesPerBlock); // three physical blocks each
        Assert.Equal([0, 1, 2], Assert.Single(plan.Parts).Layers);
    }

    [Fact]
    public void Ranks_that_are_missing_twice_or_wrong_are_refused()
    {
        var target = ServingPlans.Target(SplitKv.Schema);
        var routes = ServingPlans.Routes(SplitKv.Schema, SplitKv.Schema, target, 2);
        ArgumentException Refused(params ReshardRoute[] given) => Assert.Throws<ArgumentException>(() => ArrivalPlan.Create(target.Groups[0], 1, target.Parallel, given));
        Assert.Contains("bytes of a block would not be written", Refused(routes[0]).Message, StringComparison.Ordinal);
        Assert.Contains("comes twice", Refused(routes[0], routes[1], routes[0]).Message, StringComparison.Ordinal);
        Assert.Contains("not to this rank", Refused(routes[0], routes[1] with { Target = new KvParallel(2) }).Message, StringComparison.Ordinal);
    }
}
