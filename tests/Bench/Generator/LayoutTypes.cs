using System.Globalization;
using System.Text;

namespace Nixl.Sdk.Bench.Generator;

/// <summary>
/// Sources of layout types as a serving stack with many models would declare them: the engines' orders, latent attention with and
/// without an indexer, full and sliding groups, state beside attention; shapes of real models. The same number gives the same type.
/// </summary>
internal static class LayoutTypes
{
    private static readonly string[] KeyValueOrders =
    [
        "SplitNhd", "SplitHnd", "FlashAttention", "FlashInferNhd", "FlashInferHnd", "PackedHnd", "PackedNhd", "PackedLbhnc", "PackedLbnhc",
        "PackedLhbnc", "PackedBhlnc", "CrossLayer", "CrossLayerNhd", "TensorRtLlm", "LmCacheChunk", "TokenPool",
    ];

    private static readonly int[] Layers = [16, 24, 28, 32, 36, 40, 48, 61, 62, 64, 80, 94];
    private static readonly int[] Heads = [2, 4, 8, 16];
    private static readonly int[] HeadSizes = [64, 80, 96, 128, 192, 256];
    private static readonly int[] Tokens = [16, 32, 64, 128];
    private static readonly string[] Elements = ["BFloat16", "Float16", "Fp8E4M3"];

    /// <summary>What hand-written bodies refer to: a schema that the user holds.</summary>
    public const string HandWrittenSchema = """
        namespace Models;
        internal static class Schemas
        {
            public static global::Nixl.Sdk.KvSchema Own { get; } = new("Own", []);
        }
        """;

    /// <summary>The source file of one type. Of 20, 15 have one group and 5 have two.</summary>
    public static string Source(int number, PropertyForm form) =>
        $"using Nixl.Sdk;\nusing static Nixl.Sdk.ElementType;\n\nnamespace Models;\n\n/// <summary>The KV cache of model {number}.</summary>\n" + (number % 20) switch
        {
            < 12 => KeyValue(number, form),
            < 15 => Latent(number, form),
            < 17 => Sparse(number, form),
            < 19 => Sliding(number, form),
            _ => Hybrid(number, form),
        };

    private static string KeyValue(int number, PropertyForm form)
    {
        var order = Of(KeyValueOrders, number);
        var tokens = order == "TokenPool" ? 1 : Of(Tokens, number);
        return Type(number, $"KvOrder.{order}, Layers = {Of(Layers, number)}, BlockTokens = {tokens}, KvHeads = {Of(Heads, number)}", Pair(number, 0, form));
    }

    private static string Latent(int number, PropertyForm form) => Type(
        number, $"KvOrder.MlaAlternating, Layers = {Of(Layers, number)}, BlockTokens = {Of(Tokens, number)}",
        Component(form, "BFloat16, 512", "Latent", 0, 0) + Component(form, "BFloat16, 64", "Rope", 0, 1));

    private static string Sparse(int number, PropertyForm form) => Groups(
        number,
        ("Mla", $"KvOrder.MlaAlternating, Layers = {Of(Layers, number)}, BlockTokens = {Of(Tokens, number)}",
            Component(form, "Fp8E4M3, 512", "Latent", 0, 0) + Component(form, "Float32, 4, ScaleOf = nameof(Latent)", "Scale", 0, 1)
            + Component(form, "BFloat16, 64", "Rope", 0, 2)),
        ("Indexer", $"KvOrder.Indexer, Layers = {Of(Layers, number)}, BlockTokens = {Of(Tokens, number)}",
            Component(form, "Fp8E4M3, 128", "Key", 1, 0) + Component(form, "Float32, 1, ScaleOf = nameof(Key)", "Scale", 1, 1)));

    private static string Sliding(int number, PropertyForm form)
    {
        var shape = $"LayerStep = 2, BlockTokens = {Of(Tokens, number)}, KvHeads = {Of(Heads, number)}";
        return Groups(
            number,
            ("Full", $"KvOrder.FlashInferHnd, Layers = {Of(Layers, number) / 2}, FirstLayer = 1, {shape}", Pair(number, 0, form)),
            ("Sliding", $"KvOrder.FlashInferHnd, Layers = {Of(Layers, number) / 2}, Window = 1024, {shape}", Pair(number, 1, form)));
    }

    private static string Hybrid(int number, PropertyForm form) => Groups(
        number,
        ("Attention", $"KvOrder.SplitNhd, Layers = 8, FirstLayer = 3, LayerStep = 4, BlockTokens = {Of(Tokens, number)}, KvHeads = {Of(Heads, number)}",
            Pair(number, 0, form)),
        ("State", $"KvOrder.State, Layers = 24, PageAlign = 4096",
            Component(form, "BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64", "X", 1, 0)
            + Component(form, "Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64", "Ssm", 1, 1)));

    private static string Pair(int number, int group, PropertyForm form)
    {
        var shape = $"{Of(Elements, number)}, {Of(HeadSizes, number)}";
        return Component(form, shape, "Key", group, 0) + Component(form, shape, "Value", group, 1);
    }

    private static string Component(PropertyForm form, string arguments, string name, int group, int index) =>
        $"    /// <summary>{name}.</summary>\n    [KvComponent({arguments})] public static " + (form == PropertyForm.Generated
            ? $"partial KvComponent {name} {{ get; }}\n"
            : $"KvComponent {name} => new(Schemas.Own, {group}, {index});\n");

    private static string Type(int number, string layout, string components) =>
        $"[KvLayout({layout})]\npublic readonly partial struct {Name(number)}\n{{\n{components}}}\n";

    private static string Groups(int number, params ReadOnlySpan<(string Name, string Arguments, string Components)> groups)
    {
        var text = new StringBuilder($"[KvLayout]\npublic readonly partial struct {Name(number)}\n{{\n");
        foreach (var (name, arguments, components) in groups)
            text.Append("/// <summary>").Append(name).Append($".</summary>\n[KvGroup({arguments})]\npublic readonly partial struct {name}\n{{\n{components}}}\n");
        return text.Append("}\n").ToString();
    }

    private static string Name(int number) => "Model" + number.ToString("000", CultureInfo.InvariantCulture);

    // Lists of different lengths, each walked in steps of its own: combinations recur only after long.
    private static T Of<T>(T[] values, int number) => values[(number + number / values.Length) % values.Length];
}
