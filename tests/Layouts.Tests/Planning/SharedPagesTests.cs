using Nixl.Sdk.Layouts.Tests.Layouts;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>Groups that share memory: where their pages lie, and what cannot be shared.</summary>
public sealed class SharedPagesTests
{
    private const int Blocks = 5;

    [Fact]
    public void Overlaid_groups_have_pages_of_the_longest_and_begin_at_the_same_byte()
    {
        var plan = HybridOverlay.Plan(Blocks);
        const int FullPage = 2 * 2 * 4 * 8 * 2;                  // K and V, heads, tokens, elements, bytes
        const int StatePage = 7 * 3 * 2 + 5 * 9 * 4;             // 222 bytes: the pool's page is the longer one
        Assert.True(FullPage > StatePage);
        Assert.Equal(3, plan.Groups[0].Tensors.Count);
        Assert.Equal(2, plan.Groups[1].Tensors.Count);
        Assert.All(plan.Groups.SelectMany(group => group.Regions), region => Assert.Equal((0, FullPage), (region.Offset, region.Stride)));
        Assert.All(plan.Groups[1].Regions, region => Assert.Equal(StatePage, region.Length));
        Assert.Equal(3 * Blocks * FullPage, plan.TotalBytes);    // not five tensors: two of them are the same
    }

    [Fact]
    public void Concatenated_groups_lie_behind_each_other_each_aligned_to_the_widest_element()
    {
        var plan = LatentBesideIndexer.Plan(Blocks);
        const int Latent = 4 * 9 * 2, Indexer = 4 * 13 + 4 * 4;  // 72 and 68 bytes, both multiples of the float's 4
        Assert.All(plan.Groups[0].Regions, region => Assert.Equal((0, Latent, Latent + Indexer), (region.Offset, region.Length, region.Stride)));
        Assert.All(plan.Groups[1].Regions, region => Assert.Equal((Latent, Indexer, Latent + Indexer), (region.Offset, region.Length, region.Stride)));
        Assert.Equal(Latent + 4 * 13, plan.Groups[1].Components[1].Offset);
        Assert.Equal(new KvLocation(1, 3 * (Latent + Indexer) + Latent + 4 * 13 + 2 * 4), plan.Groups[1].Components[1].Locate(1, 3, 0, 2, 0));
        Assert.Equal(2 * Blocks * (Latent + Indexer), plan.TotalBytes);
    }

    [Fact]
    public void A_page_that_is_no_multiple_of_the_pools_widest_element_is_padded()
    {
        var bytes = Group("bytes") with { Components = [new("Bytes", ElementType.UInt8, [3])] };
        var floats = Group("floats") with { Components = [new("Floats", ElementType.Float32, [2])] };
        var plan = KvPlan.Create(new KvSchema("Padded", [bytes, floats]), KvParallel.Single, Blocks);
        Assert.Equal([(0L, 12L), (4L, 12L)], plan.Groups.Select(group => (group.Regions[0].Offset, group.Regions[0].Stride)));
    }

    [Fact]
    public void The_canonical_text_brings_the_sharing_to_the_other_side()
    {
        var read = LayoutTextParser.Parse(LayoutText.Canonical(LatentBesideIndexer.Schema), out var error);
        Assert.Null(error);
        Assert.Empty(SchemaDiff.Compare(LatentBesideIndexer.Schema, read!));
        Assert.Equal(LatentBesideIndexer.Plan(Blocks).Groups.Select(group => group.Regions), KvPlan.Create(read!, KvParallel.Single, Blocks).Groups.Select(group => group.Regions));
    }

    public static TheoryData<string, KvGroupSchema, KvGroupSchema> Impossible() => new()
    {
        { "name the pool", Group("a") with { Pool = "" }, Group("b") with { Pool = "" } },
        { "no other group names pool", Group("a"), Group("b") with { Pool = "other" } },
        { "all groups of a pool share in one way", Group("a"), Group("b") with { Share = KvShare.Overlay } },
        { "all groups of a pool share in one way", Group("a"), Group("b") with { Share = KvShare.Own } },
        { "both need the same layers", Group("a"), Group("b") with { FirstLayer = 1 } },
        { "only one has a tensor per layer", Group("a"), Group("b") with { Order = "| B L D" } },
        { "its pages must be whole", Group("a"), Group("b") with { Order = "| L B D" } },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void What_cannot_be_shared_is_refused_with_the_reason(string reason, KvGroupSchema a, KvGroupSchema b)
    {
        var thrown = Assert.Throws<LayoutException>(() => KvPlan.Create(new KvSchema("Impossible", [a, b]), KvParallel.Single, Blocks));
        Assert.All(thrown.Problems, problem => Assert.Equal(LayoutProblemKind.Sharing, problem.Kind));
        Assert.Contains(reason, thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("|")]
    [InlineData("L | D")]
    public void An_order_without_blocks_is_refused_here_too(string order) => Assert.Contains("its pages must be whole",
        Assert.Throws<LayoutException>(() => KvPlan.Create(new KvSchema("Impossible", [Group("a"), Group("b") with { Order = order }]), KvParallel.Single, Blocks)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Groups_of_one_pool_have_one_number_of_blocks() => Assert.Contains("share the blocks of pool kv",
        Assert.Throws<ArgumentException>(() => KvPlan.Create(HybridOverlay.Schema, KvParallel.Single, [4, 5])).Message, StringComparison.Ordinal);

    private static KvGroupSchema Group(string name) => new(name, "L | B D")
    {
        Layers = 2, Pool = "kv", Share = KvShare.Concat, Components = [new("Part", ElementType.BFloat16, [8])],
    };
}
