using Nixl.Sdk.Analyzers.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests;

/// <summary>Code fixes of layouts, before and after. The harness demands that the result compiles and the diagnostic is gone.</summary>
public sealed class LayoutFixTests
{
    private const string Components = """
            [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
            [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
        """;

    [Theory]
    [InlineData("public readonly struct", "public readonly partial struct")]
    [InlineData("/// <summary>A layout.</summary>\nstruct", "/// <summary>A layout.</summary>\npartial struct")]
    [InlineData("sealed record", "sealed partial record")]
    public Task A_layout_becomes_partial(string before, string after) => AssertFix("NIXL001",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, KvHeads = 8)]\n{before} Llama\n{{\n{Components}\n}}\n",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, KvHeads = 8)]\n{after} Llama\n{{\n{Components}\n}}\n");

    [Fact]
    public Task An_outer_type_becomes_partial() => AssertFix("NIXL002",
        $"public static class Layouts\n{{\n[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, KvHeads = 8)]\npublic partial struct Llama\n{{\n{Components}\n}}\n}}\n",
        $"public static partial class Layouts\n{{\n[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, KvHeads = 8)]\npublic partial struct Llama\n{{\n{Components}\n}}\n}}\n");

    [Theory]
    [InlineData("KvOrder.MlaAlternating", "\"L | B N D\"")]
    [InlineData("\"LP|BND\"", "\"L |BND\"")]
    public Task P_is_taken_out_of_the_order(string before, string after) => AssertFix("NIXL009",
        $"[KvLayout({before}, Layers = 4, BlockTokens = 64)]\npublic partial struct Mla {{ [KvComponent(BFloat16, 576)] public static partial KvComponent Latent {{ get; }} }}",
        $"[KvLayout({after}, Layers = 4, BlockTokens = 64)]\npublic partial struct Mla {{ [KvComponent(BFloat16, 576)] public static partial KvComponent Latent {{ get; }} }}");

    [Theory]
    [InlineData("    [KvComponent(BFloat16, 8)] public static KvComponent Scale => default;", "    [KvComponent(BFloat16, 8)] public static partial KvComponent Scale { get; }")]
    [InlineData("    /// <summary>Text.</summary>\n    [KvComponent(BFloat16, 8)]\n    internal int Scale { get; set; }", "    /// <summary>Text.</summary>\n    [KvComponent(BFloat16, 8)]\n    internal static partial KvComponent Scale { get; }")]
    public Task A_component_gets_its_form(string before, string after) => AssertFix("NIXL011",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, KvHeads = 8)]\npublic partial class Llama\n{{\n{Components}\n{before}\n}}\n",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, KvHeads = 8)]\npublic partial class Llama\n{{\n{Components}\n{after}\n}}\n");

    [Theory]
    [InlineData("KvHeads = 8, TpSizes = [4, 3, 8]", "KvHeads = 8, TpSizes = [4, 8]")]
    [InlineData("KvHeads = 8, TpSizes = new[] { 3, 8 }", "KvHeads = 8, TpSizes = new[] { 8 }")]
    [InlineData("KvHeads = 8, TpSizes = new int[] { 1 + 2 }", "KvHeads = 8")]
    public Task The_size_that_does_not_fit_is_taken_out(string before, string after) => AssertFix("NIXL013",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, {before})]\npublic partial struct Llama\n{{\n{Components}\n}}\n",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 64, {after})]\npublic partial struct Llama\n{{\n{Components}\n}}\n");

    [Fact]
    public async Task A_rule_that_does_not_fit_has_no_single_fix() => Assert.Null(await Harness.FixAsync("NIXL013",
        "[KvLayout(KvOrder.Mla, Layers = 4, BlockTokens = 64)] public partial struct Mla { [KvComponent(BFloat16, 576, Units = 3)] public static partial KvComponent Latent { get; } }"));

    [Theory]
    [InlineData("KvLayout(KvOrder.SplitNhd)", "KvLayout")]
    [InlineData("KvLayout(KvOrder.SplitNhd, TpSizes = [8])", "KvLayout(TpSizes = [8])")]
    public Task The_order_is_left_to_the_groups(string before, string after) => AssertFix("NIXL016",
        $"[{before}]\npublic partial struct Llama\n{{\n[KvGroup(KvOrder.SplitNhd, Layers = 4, BlockTokens = 128, KvHeads = 8)]\npublic partial struct Full\n{{\n{Components}\n}}\n}}\n",
        $"[{after}]\npublic partial struct Llama\n{{\n[KvGroup(KvOrder.SplitNhd, Layers = 4, BlockTokens = 128, KvHeads = 8)]\npublic partial struct Full\n{{\n{Components}\n}}\n}}\n");

    [Theory]
    [InlineData("BlockTokens = 5", "BlockTokens = 5, PageAlign = 64")]
    [InlineData("PageAlign = 8, BlockTokens = 5", "PageAlign = 64, BlockTokens = 5")]
    public Task The_page_is_padded(string before, string after) => AssertFix("NIXL030",
        $"[KvLayout]\npublic partial struct Small\n{{\n[KvGroup(KvOrder.Mla, Layers = 2, {before})]\npublic partial struct Mla {{ [KvComponent(BFloat16, 104)] public static partial KvComponent Latent {{ get; }} }}\n}}\n",
        $"[KvLayout]\npublic partial struct Small\n{{\n[KvGroup(KvOrder.Mla, Layers = 2, {after})]\npublic partial struct Mla {{ [KvComponent(BFloat16, 104)] public static partial KvComponent Latent {{ get; }} }}\n}}\n");

    [Fact]
    public async Task Where_padding_does_not_help_there_is_no_fix() => Assert.Null(await Harness.FixAsync("NIXL030",
        "[KvLayout(KvOrder.TokenPoolMla, Layers = 4, BlockTokens = 1)] public partial struct Mla { [KvComponent(BFloat16, 100)] public static partial KvComponent Latent { get; } }"));

    [Fact]
    public Task The_block_size_is_set() => AssertFix("NIXL031",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [8])]\npublic partial struct Llama\n{{\n{Components}\n}}\n",
        $"[KvLayout(KvOrder.SplitNhd, Layers = 80, BlockTokens = 64, KvHeads = 8, TpSizes = [8])]\npublic partial struct Llama\n{{\n{Components}\n}}\n");

    [Theory]
    [InlineData("KvOrder.SplitNhd", "\"L P | B H N D\"")]
    [InlineData("\"| B L N H P D\"", "\"| B L H N P D\"")]
    public Task Heads_are_put_outside_tokens(string before, string after) => AssertFix("NIXL032",
        $"[KvLayout({before}, Layers = 80, BlockTokens = 64, KvHeads = 8, TpSizes = [4, 8])]\npublic partial struct Llama\n{{\n{Components}\n}}\n",
        $"[KvLayout({after}, Layers = 80, BlockTokens = 64, KvHeads = 8, TpSizes = [4, 8])]\npublic partial struct Llama\n{{\n{Components}\n}}\n");

    [Fact]
    public async Task A_preset_keeps_its_engine() => Assert.Null(await Harness.FixAsync("NIXL032",
        "[KvPreset(KvEngine.VllmFlashAttention, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 64, CacheType = BFloat16, TpSizes = [4, 8])] public partial struct Llama;"));

    [Theory]
    [InlineData("KvOrder.MlaAlternating", "BFloat16", 528, "[KvComponent(UInt8, 16, Transfer = false)]")]
    [InlineData("KvOrder.Indexer", "BFloat16", 32_768 + 16, "[KvComponent(UInt8, 16, Order = \"D\", Transfer = false)]")]
    [InlineData("\"| B P L N D\"", "ElementType.BFloat16", 61 * 32_768 + 122, "[KvComponent(ElementType.UInt8, 2, Order = \"L D\", Transfer = false)]")]
    public Task A_gap_is_declared(string order, string type, long at, string padding) => AssertFix("NIXL034",
        $"[KvLayout({order}, Layers = 61, BlockTokens = 64)]\npublic partial struct Mla\n{{\n    [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent {{ get; }}\n" +
        $"    // Where positions are.\n    [KvComponent({type}, 64, At = {at})] public static partial KvComponent Rope {{ get; }}\n}}\n",
        $"[KvLayout({order}, Layers = 61, BlockTokens = 64)]\npublic partial struct Mla\n{{\n    [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent {{ get; }}\n" +
        $"    {padding} public static partial KvComponent Pad {{ get; }}\n    // Where positions are.\n    [KvComponent({type}, 64, At = {at})] public static partial KvComponent Rope {{ get; }}\n}}\n");

    [Fact]
    public async Task A_gap_that_layers_do_not_divide_has_no_fix() => Assert.Null(await Harness.FixAsync("NIXL034",
        "[KvLayout(\"| B P L N D\", Layers = 61, BlockTokens = 64)] public partial struct Mla { [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; } " +
        "[KvComponent(BFloat16, 64, At = 2000000)] public static partial KvComponent Rope { get; } }"));

    private static async Task AssertFix(string id, string before, string after) => Assert.Equal(after, await Harness.FixAsync(id, before));
}
