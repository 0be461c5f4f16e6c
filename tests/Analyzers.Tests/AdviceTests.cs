using Nixl.Sdk.Analyzers.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests;

/// <summary>The numbers of the checks that do arithmetic: alignment, size and place of the pieces.</summary>
public sealed class AdviceTests
{
    private const string KeyValue = "Llama { [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; } " +
        "[KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; } }";

    [Theory]
    [InlineData("KvOrder.SplitNhd, BlockTokens = 16, KvHeads = 8, TpSizes = [4, 8]", "at TP 8 a block of 16 tokens is 160 × 4,096 bytes", "with BlockTokens = 64 it is 160 × 16,384")]
    [InlineData("KvOrder.PackedHnd, BlockTokens = 16, KvHeads = 8, TpSizes = [8]", "80 × 8,192", "with BlockTokens = 32 it is 80 × 16,384")]
    [InlineData("KvOrder.SplitNhd, BlockTokens = 4, KvHeads = 8", "on one rank with the whole model a block of 4 tokens is 160 × 8,192", "with BlockTokens = 8 it is 160 × 16,384")]
    [InlineData("KvOrder.TokenPool, BlockTokens = 4, KvHeads = 8", "160 × 8,192", "with BlockTokens = 8")]
    [InlineData("\"L P | N B H D\", BlockTokens = 16, KvHeads = 8", "2,560 × 2,048", "no block size mends it")]
    public async Task Small_pieces_are_said_in_numbers(string settings, string now, string then)
    {
        var message = await Message("NIXL031", $"[KvLayout({settings}, Layers = 80)] public readonly partial struct {KeyValue}");
        Assert.Contains(now, message, StringComparison.Ordinal);
        Assert.Contains(then, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("KvOrder.SplitNhd, BlockTokens = 64, KvHeads = 8, TpSizes = [4, 8]")]
    [InlineData("KvOrder.CrossLayer, BlockTokens = 16, KvHeads = 8, TpSizes = [8]")]
    [InlineData("KvOrder.TokenPool, BlockTokens = 1, KvHeads = 8")]
    public async Task Large_pieces_and_pages_of_one_token_get_no_hint(string settings) => Assert.Null(
        await Message("NIXL031", $"[KvLayout({settings}, Layers = 80)] public readonly partial struct {KeyValue}"));

    [Fact]
    public async Task Small_components_beside_large_ones_get_no_hint_and_states_neither()
    {
        Assert.Null(await Message("NIXL031", "[KvLayout(\"L P | B N D\", Layers = 2, BlockTokens = 64)] public readonly partial struct Quantised { " +
            "[KvComponent(Int8, 1024)] public static partial KvComponent Key { get; } [KvComponent(Float32, 1)] public static partial KvComponent Scale { get; } }"));
        Assert.Null(await Message("NIXL031", "[KvLayout(\"L | B D\", Layers = 2)] public readonly partial struct State { [KvComponent(Int8, 1024)] public static partial KvComponent Ssm { get; } }"));
    }

    [Theory]
    [InlineData("\"L | B N D\", BlockTokens = 5", "BFloat16, 100", "Latent is bf16 × 100 = 200 bytes", "blocks lie 1,000 bytes apart for the whole model", "is 128; PageAlign = 64 pads the page")]
    [InlineData("KvOrder.TokenPoolMla, BlockTokens = 1", "Fp8E4M3, 656", "fp8_e4m3 × 656 = 656 bytes", "blocks lie 656 bytes apart", "is 704")]
    [InlineData("\"L | B N D\", BlockTokens = 5, PageAlign = 16", "BFloat16, 3, 10", "bf16 × 30 = 60 bytes", "blocks lie 304 bytes apart", "is 32; PageAlign = 64")]
    [InlineData("\"L | B D\", TpSizes = [2]", "BFloat16, 96, Shard = KvShard.Units, Units = 4", "bf16 × 48 = 96 bytes", "blocks lie 96 bytes apart at TP 2", "is 128; PageAlign = 64")]
    public async Task Misaligned_pieces_are_said_in_numbers(string settings, string component, params string[] parts)
    {
        var message = await Message("NIXL030",
            $"[KvLayout({settings}, Layers = 2)] public readonly partial struct Small {{ [KvComponent({component})] public static partial KvComponent Latent {{ get; }} }}");
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("BFloat16, 100", "Key is bf16 × 100 = 200 bytes, no multiple of 16", "is 104")]
    [InlineData("Fp8E4M3, 2, 36", "Key is fp8_e4m3 × 72 = 72 bytes, no multiple of 16", "is 40")]
    public async Task Rows_that_are_no_vectors_are_said_in_numbers_though_their_blocks_are_aligned(string component, params string[] parts)
    {
        var message = await Message("NIXL030", Rows(component));
        Assert.All(parts, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("BFloat16, 80")]
    [InlineData("Fp8E4M3, 112")]
    [InlineData("Float32, 1, ScaleOf = nameof(Value)")]
    [InlineData("UInt8, 4, Transfer = false")]
    public async Task Rows_of_real_models_scales_and_padding_get_no_warning(string component) => Assert.Null(await Message("NIXL030", Rows(component)));

    [Fact]
    public async Task Padding_that_would_not_help_is_not_offered()
    {
        var message = await Message("NIXL030", "[KvLayout(KvOrder.Indexer, Layers = 2, BlockTokens = 4)] public readonly partial struct Small { " +
            "[KvComponent(Int8, 17, Transfer = false)] public static partial KvComponent Head { get; } [KvComponent(Int8, 32)] public static partial KvComponent Key { get; } }");
        Assert.Contains("Head is i8 × 17 = 17 bytes, so that in group kv a piece of 128 bytes begins at byte 68", message, StringComparison.Ordinal);
        Assert.DoesNotContain("PageAlign", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64", 500, "NIXL033", "begins at byte 500 by its At, but Latent ends at byte 512: they overlap by 12 bytes")]
    [InlineData("KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64", 528, "NIXL034", "Latent ends at byte 512: the 16 bytes between belong to no component")]
    [InlineData("KvOrder.Indexer, Layers = 61, BlockTokens = 64", 32_800, "NIXL034", "Latent ends at byte 32768: the 32 bytes between")]
    [InlineData("KvOrder.Indexer, Layers = 61, BlockTokens = 64", 512, "NIXL033", "they overlap by 32256 bytes")]
    [InlineData("\"L | P B N D\", Layers = 61, BlockTokens = 64", 512, "NIXL005", "P is not right of B")]
    [InlineData("KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64", -2, "NIXL006", "At is -2")]
    public async Task A_place_that_the_order_does_not_give_is_said_in_numbers(string settings, long at, string id, string part) => Assert.Contains(
        part, await Message(id, Placed(settings, at)), StringComparison.Ordinal);

    [Fact]
    public async Task The_right_place_is_no_matter_and_one_gap_is_reported_once()
    {
        var (reported, errors) = await Harness.DiagnoseAsync(withSdk: true, Placed("KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64", 512));
        Assert.Empty(errors);
        Assert.Empty(reported);
        (reported, _) = await Harness.DiagnoseAsync(withSdk: true, Placed("KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64", 528)
            .Replace("Rope { get; }", "Rope { get; } [KvComponent(Int8, 64, At = 656)] public static partial KvComponent Last { get; }", StringComparison.Ordinal));
        Assert.Equal("NIXL034", Assert.Single(reported).Id);
    }

    private static string Placed(string settings, long at) =>
        $"[KvLayout({settings})] public readonly partial struct Mla {{ [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent {{ get; }} " +
        $"[KvComponent(BFloat16, 64, At = {at})] public static partial KvComponent Rope {{ get; }} }}";

    private static string Rows(string component) => "[KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 16, KvHeads = 8)] public readonly partial struct Small { " +
        $"[KvComponent({component})] public static partial KvComponent Key {{ get; }} [KvComponent(BFloat16, 128)] public static partial KvComponent Value {{ get; }} }}";

    private static async Task<string?> Message(string id, string source)
    {
        var (reported, errors) = await Harness.DiagnoseAsync(withSdk: true, source);
        Assert.Empty(errors);
        return reported.SingleOrDefault(found => found.Id == id)?.GetMessage(null);
    }
}
