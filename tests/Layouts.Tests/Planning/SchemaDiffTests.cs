using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>What counts as content and what as placement, and that each difference is named once with both values.</summary>
public sealed class SchemaDiffTests
{
    private static readonly KvSchema Local = Schemas.KeyValue(KvOrder.SplitNhd);

    public static TheoryData<string, bool, KvSchema> Changes() => new()
    {
        { "kv.layers", true, Local.With(group => group with { Layers = 5 }) },
        { "kv.layers", true, Local.With(group => group with { FirstLayer = 1 }) },
        { "kv.kv-heads", true, Local.With(group => group with { KvHeads = 4 }) },
        { "kv.window", true, Local.With(group => group with { Window = 128 }) },
        { "kv.tokens-per-entry", true, Local.With(group => group with { TokensPerEntry = 4 }) },
        { "kv.component Key", true, Local.WithComponent(0, component => component with { Type = ElementType.Fp8E4M3 }) },
        { "kv.component Key", true, Local.WithComponent(0, component => component with { Shape = [64] }) },
        { "kv.component Key", true, Local.WithComponent(0, component => component with { Shape = [2, 64] }) },
        { "kv.component Value", true, Local.WithComponent(1, component => component with { ScaleOf = "Key" }) },
        { "kv.component Value", true, Local.WithComponent(1, component => component with { Transfer = false }) },
        { "kv.order", false, Local.With(group => group with { Order = KvOrder.SplitHnd }) },
        { "kv.block-tokens", false, Local.With(group => group with { BlockTokens = 32 }) },
        { "kv.page-align", false, Local.With(group => group with { PageAlign = 4096 }) },
        { "kv.pool", false, Local.With(group => group with { Pool = "shared" }) },
        { "kv.component Key", false, Local.WithComponent(0, component => component with { Order = "H N D" }) },
        { "kv.component Key", false, Local.WithComponent(0, component => component with { Shard = KvShard.Replicated }) },
        { "kv.components", false, Local.With(group => group with { Components = [group.Components[1], group.Components[0]] }) },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void One_changed_field_is_one_difference_of_its_kind(string field, bool isContent, KvSchema remote)
    {
        var difference = Assert.Single(SchemaDiff.Compare(Local, remote));
        Assert.Equal((field, isContent), (difference.Field, difference.IsContent));
        Assert.NotEqual(difference.Local, difference.Remote);
        Assert.Equal(isContent, LayoutFingerprint.Of(Local).Content != LayoutFingerprint.Of(remote).Content);
        var back = Assert.Single(SchemaDiff.Compare(remote, Local));
        Assert.Equal((difference.Remote, difference.Local), (back.Local, back.Remote));
    }

    [Fact]
    public void What_means_the_same_is_no_difference()
    {
        var named = Local.WithComponent(1, component => component with { Name = "order" });
        Assert.Empty(SchemaDiff.Compare(named, named));
        Assert.Empty(SchemaDiff.Compare(Local, Local with { Name = "Other", TpSizes = [8] }));
        Assert.Empty(SchemaDiff.Compare(Local, Local.With(group => group with { Order = " L  P|B N H   D " })));
        Assert.Empty(SchemaDiff.Compare(Local, Local.With(group => group with { LayerIndices = [0, 1, 2, 3] })));
        Assert.Empty(SchemaDiff.Compare(Local, Local.WithComponent(0, component => component with { Shard = KvShard.Head })));
        Assert.Equal(LayoutFingerprint.Of(Local), LayoutFingerprint.Of(Local.WithComponent(0, component => component with { Shard = KvShard.Head })));
    }

    [Fact]
    public void A_missing_component_or_group_is_named()
    {
        var fewer = Local.With(group => group with { Order = "L | B N H D", Components = [group.Components[0]] });
        var missing = SchemaDiff.Compare(Local, fewer).Single(difference => difference.Field == "kv.component Value" && difference.IsContent);
        Assert.Equal(("bf16 128, per head and token", SchemaDifference.Absent), (missing.Local, missing.Remote));
        Assert.Contains(SchemaDiff.Compare(Local, Local with { Groups = [] }), difference => difference is { Field: "kv.layers", IsContent: true });
    }

    [Fact]
    public void Ranks_are_placement()
    {
        var difference = Assert.Single(SchemaDiff.Compare(Local, new KvParallel(Tp: 4, TpRank: 1), Local, new KvParallel(Tp: 8, TpRank: 1)));
        Assert.Equal(new SchemaDifference("parallel.tp", "1/4", "1/8", IsContent: false), difference);
    }

    [Fact]
    public void Two_fine_tunes_of_one_model_are_different_content()
    {
        var local = new ModelIdentity("llama", "a1");
        Assert.Empty(SchemaDiff.Compare(local, new ModelIdentity("llama", "a1")));
        Assert.Equal([new SchemaDifference("model.revision", "a1", "b2", IsContent: true)], SchemaDiff.Compare(local, new ModelIdentity("llama", "b2")));
        Assert.Equal("model.rope-scaling: none here, yarn 4 there", Assert.Single(SchemaDiff.Compare(local, local with { RopeScaling = "yarn 4" })).ToString());
    }
}
