namespace Nixl.Sdk.Analyzers.Tests.Support;

/// <summary>One case for each diagnostic of layouts.</summary>
internal static class LayoutCases
{
    private const string Head = "[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 128, KvHeads = 8)]";
    private const string Single = "[KvLayout(KvOrder.Mla, Layers = 4, BlockTokens = 128)]";
    private const string Pages = "[KvLayout(KvOrder.MlaAlternating, Layers = 4, BlockTokens = 128)]";
    private const string Key = "[KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }";
    private const string Value = "[KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }";
    private const string Good = $"{Head} public readonly partial struct Layout {{ {Key} {Value} }}";

    private const string Groups =
        $"[KvLayout] public readonly partial struct Layout {{ [KvGroup(KvOrder.SplitNhd, Layers = 4, BlockTokens = 128, KvHeads = 8)] " +
        $"public readonly partial struct Full {{ {Key} {Value} }} }}";

    public static readonly Case[] All =
    [
        new("NIXL001", Good.Replace("partial struct", "struct", StringComparison.Ordinal), "Layout", Good),
        new("NIXL002", $"public class Outer {{ {Good} }}", "Outer", $"public partial class Outer {{ {Good} }}"),
        new("NIXL003", Good.Replace("struct Layout", "struct Layout<T>", StringComparison.Ordinal), "Layout", Good.Replace("readonly partial struct", "sealed partial record", StringComparison.Ordinal)),
        new("NIXL004", Good.Replace("KvOrder.SplitNhd", "\"L P B N H D\"", StringComparison.Ordinal), Attribute(Good).Replace("KvOrder.SplitNhd", "\"L P B N H D\"", StringComparison.Ordinal),
            Good.Replace("KvOrder.SplitNhd", "\"L P | B N H D\"", StringComparison.Ordinal)),
        new("NIXL005", Good.Replace(", KvHeads = 8", "", StringComparison.Ordinal), Attribute(Good).Replace(", KvHeads = 8", "", StringComparison.Ordinal), Good),
        new("NIXL006", Good.Replace("Layers = 4", "Layers = 0", StringComparison.Ordinal), Attribute(Good).Replace("Layers = 4", "Layers = 0", StringComparison.Ordinal), Good),
        new("NIXL007", Good.Replace(Key, "", StringComparison.Ordinal).Replace(Value, "", StringComparison.Ordinal), Attribute(Good), Good),
        new("NIXL008", Good.Replace(Value, Key, StringComparison.Ordinal), "Key", Good),
        new("NIXL009", Good.Replace(Value, "", StringComparison.Ordinal), Attribute(Good), Good),
        new("NIXL010", Good.Replace(Value, "", StringComparison.Ordinal) + $" public readonly partial struct Layout {{ {Value} }}", "Layout",
            Good + " public readonly partial struct Layout { public static int Other => 1; }"),
        new("NIXL011", Good.Replace(Value, Value + " [KvComponent(Int8, 1)] public static KvComponent Scale => default;", StringComparison.Ordinal), "Scale", Good),
        new("NIXL012", Scaled("\"Keys\""), "Scale", Scaled("nameof(Key)")),
        new("NIXL013", Good.Replace("KvHeads = 8", "KvHeads = 8, TpSizes = [3]", StringComparison.Ordinal), "Key",
            Good.Replace("KvHeads = 8", "KvHeads = 8, TpSizes = [1, 2, 4, 8, 16]", StringComparison.Ordinal).Replace("SplitNhd", "SplitHnd", StringComparison.Ordinal)),
        new("NIXL014", Good.Replace("Layers = 4, BlockTokens = 128, KvHeads = 8", "Layers = 16777215, BlockTokens = 16777216, KvHeads = 16777216", StringComparison.Ordinal),
            Attribute(Good).Replace("Layers = 4, BlockTokens = 128, KvHeads = 8", "Layers = 16777215, BlockTokens = 16777216, KvHeads = 16777216", StringComparison.Ordinal), Good),
        new("NIXL015", Good.Replace("KvHeads = 8", "KvHeads = 8, Share = KvShare.Overlay", StringComparison.Ordinal),
            Attribute(Good).Replace("KvHeads = 8", "KvHeads = 8, Share = KvShare.Overlay", StringComparison.Ordinal), Good),
        new("NIXL016", Groups.Replace("[KvLayout]", "[KvLayout(KvOrder.SplitNhd)]", StringComparison.Ordinal), "KvLayout(KvOrder.SplitNhd)", Groups),
        new("NIXL017", Good.Replace("Key", "Plan", StringComparison.Ordinal), "Plan", Good),
        new("NIXL018", Groups.Replace("[KvLayout]", "", StringComparison.Ordinal), "Full", Groups),
        new("NIXL030", Latent("BFloat16, 100", "BlockTokens = 100"), "Latent", Latent("BFloat16, 96", "BlockTokens = 100")),
        new("NIXL031", Good.Replace("128, KvHeads", "4, KvHeads", StringComparison.Ordinal), Attribute(Good).Replace("128, KvHeads", "4, KvHeads", StringComparison.Ordinal), Good),
        new("NIXL032", Good.Replace("KvHeads = 8", "KvHeads = 8, TpSizes = [4, 8]", StringComparison.Ordinal),
            Attribute(Good).Replace("KvHeads = 8", "KvHeads = 8, TpSizes = [4, 8]", StringComparison.Ordinal),
            Good.Replace("KvHeads = 8", "KvHeads = 8, TpSizes = [4, 8]", StringComparison.Ordinal).Replace("SplitNhd", "SplitHnd", StringComparison.Ordinal)),
        new("NIXL033", Placed(48), "Rope", Placed(64)),
        new("NIXL034", Placed(80), "Rope", Placed(64)),
    ];

    private static string Attribute(string layout) => layout[1..layout.IndexOf(']', StringComparison.Ordinal)];

    private static string Latent(string component, string tokens) =>
        Single.Replace("BlockTokens = 128", tokens, StringComparison.Ordinal) +
        $" public readonly partial struct Layout {{ [KvComponent({component})] public static partial KvComponent Latent {{ get; }} }}";

    private static string Scaled(string name) =>
        Pages + $" public readonly partial struct Layout {{ {Key} [KvComponent(Float32, 1, ScaleOf = {name})] public static partial KvComponent Scale {{ get; }} }}";

    private static string Placed(int at) =>
        Pages + " public readonly partial struct Layout { [KvComponent(BFloat16, 32)] public static partial KvComponent Latent { get; } " +
        $"[KvComponent(BFloat16, 64, At = {at})] public static partial KvComponent Rope {{ get; }} }}";
}
