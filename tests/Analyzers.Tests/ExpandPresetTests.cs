using Nixl.Sdk.Analyzers.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests;

/// <summary>The refactoring that writes a preset out: readable, and the same layout to the last hash.</summary>
public sealed class ExpandPresetTests
{
    [Fact]
    public async Task A_preset_is_written_out_as_a_person_would()
    {
        var (text, before, after) = await Harness.ExpandAsync(
            "/// <summary>A model.</summary>\n[KvPreset(KvEngine.VllmPackedHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16, TpSizes = [8])]\n" +
            "public readonly partial struct Llama70B;\n", "KvPreset");
        Assert.Equal(
            "/// <summary>A model.</summary>\n[KvLayout(\"L | B H N P D\", Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [8])]\n" +
            "public readonly partial struct Llama70B\n{\n" +
            "    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }\n" +
            "    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }\n}\n", text);
        Assert.Equal(before, after);
    }

    [Theory]
    [InlineData("KvEngine.VllmFp8DsMlaSparse, Layers = 61, LatentDim = 512, RopeDim = 64, IndexerDim = 128, BlockTokens = 64", "Indexer")]
    [InlineData("KvEngine.VllmPerTokenHead, Layers = 4, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = Int8", "ScaleOf")]
    [InlineData("KvEngine.VllmXPacked, Layers = 4, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16", "D/8")]
    public async Task Groups_scales_and_tiles_are_written_out(string numbers, string contained)
    {
        var (text, before, after) = await Harness.ExpandAsync($"[KvPreset({numbers})]\ninternal partial class Cache\n{{\n    public int Mine => 1;\n}}\n", "Cache");
        Assert.Contains(contained, text, StringComparison.Ordinal);
        Assert.Contains("public int Mine => 1;", text, StringComparison.Ordinal);
        Assert.DoesNotContain("KvPreset", text, StringComparison.Ordinal);
        Assert.DoesNotContain("global::", text, StringComparison.Ordinal);
        Assert.Equal(before, after);
    }

    [Theory]
    [InlineData(" // first\n{ // second\n    // third\n}\n", "first", "second", "third")]
    [InlineData(" { } // only\n", "only")]
    [InlineData("; // only\n", "only")]
    public async Task Comments_stay(string body, params string[] comments)
    {
        var (text, _, _) = await Harness.ExpandAsync(
            "[KvPreset(KvEngine.VllmPackedHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 64, CacheType = BFloat16)]\npublic partial class Cache" + body, "Cache");
        Assert.All(comments, comment => Assert.Contains("// " + comment + "\n", text, StringComparison.Ordinal));
        Assert.Contains("\n    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[KvPreset(KvEngine.VllmPackedHnd, Layers = 80)] public partial struct Llama;", "Llama")]
    [InlineData("[KvLayout(KvOrder.Mla, Layers = 4, BlockTokens = 64)] public partial struct Mla { [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; } }", "Mla {")]
    [InlineData("public struct Other;", "Other")]
    public async Task Nothing_is_offered_for_what_is_no_valid_preset(string source, string at) => Assert.Null((await Harness.ExpandAsync(source, at)).Text);
}
