namespace Nixl.Sdk.Tests.Pools;

// Small layouts with every kind of placement. Written by hand, so that these tests need no generator.

/// <summary>K and V of every layer are tensors of their own.</summary>
internal readonly struct SplitKv : IKvLayout<SplitKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("SplitKv", KvOrder.SplitNhd);
}

internal readonly struct PackedKv : IKvLayout<PackedKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("PackedKv", KvOrder.PackedHnd);
}

/// <summary>One tensor, one piece per block.</summary>
internal readonly struct CrossLayerKv : IKvLayout<CrossLayerKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("CrossLayerKv", KvOrder.CrossLayer);
}

/// <summary>One tensor with layers outside blocks: offsets depend on the number of blocks.</summary>
internal readonly struct LayersOutsideKv : IKvLayout<LayersOutsideKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("LayersOutsideKv", KvOrder.PackedLbhnc);
}

/// <summary>One tensor per layer with K and V outside blocks.</summary>
internal readonly struct StripsKv : IKvLayout<StripsKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("StripsKv", KvOrder.FlashAttention);
}

/// <summary>Heads outside tokens and layers inside heads, and a padded page.</summary>
internal readonly struct PaddedKv : IKvLayout<PaddedKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("PaddedKv", KvOrder.PackedBhlnc, pageAlign: 4096);
}

/// <summary>Two groups with their own block ids; one component is not transferred.</summary>
internal readonly struct TwoGroups : IKvLayout<TwoGroups>
{
    public static KvSchema Schema { get; } = new("TwoGroups",
    [
        new KvGroupSchema("mla", KvOrder.MlaAlternating)
        {
            Layers = 3, BlockTokens = 4,
            Components =
            [
                new KvComponentSchema("Latent", ElementType.Fp8E4M3, [32]),
                new KvComponentSchema("Scale", ElementType.Float32, [2]) { ScaleOf = "Latent" },
                new KvComponentSchema("Rope", ElementType.BFloat16, [8]),
            ],
        },
        new KvGroupSchema("indexer", KvOrder.Indexer)
        {
            Layers = 3, BlockTokens = 8,
            Components =
            [
                new KvComponentSchema("Key", ElementType.Fp8E4M3, [16]),
                new KvComponentSchema("Hint", ElementType.UInt8, [4]) { Transfer = false },
                new KvComponentSchema("KeyScale", ElementType.Float32, [1]) { ScaleOf = "Key" },
            ],
        },
    ]);
}

/// <summary>Full attention and a sliding window, with their own memory and block ids; the layers of one lie in no order.</summary>
internal readonly struct HybridKv : IKvLayout<HybridKv>
{
    public static KvSchema Schema { get; } = new("HybridKv",
    [
        Schemas.Attention("", KvOrder.SplitNhd).Groups[0] with { Name = "full", Layers = 3, LayerIndices = [4, 0, 2] },
        Schemas.Attention("", KvOrder.SplitNhd).Groups[0] with { Name = "sliding", Layers = 2, FirstLayer = 1, LayerStep = 2, Window = 8 },
    ]);
}

internal readonly struct HalfTypeKv : IKvLayout<HalfTypeKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("HalfTypeKv", KvOrder.SplitNhd, type: ElementType.Float16);
}

internal readonly struct WiderKv : IKvLayout<WiderKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("WiderKv", KvOrder.SplitNhd, dim: 16);
}

internal readonly struct MoreHeadsKv : IKvLayout<MoreHeadsKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("MoreHeadsKv", KvOrder.SplitNhd, heads: 8);
}

internal readonly struct LargerBlocksKv : IKvLayout<LargerBlocksKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("LargerBlocksKv", KvOrder.SplitNhd, tokens: 8);
}

/// <summary>Neither a multiple nor a divisor of the others' blocks.</summary>
internal readonly struct SixTokensKv : IKvLayout<SixTokensKv>
{
    public static KvSchema Schema { get; } = Schemas.Attention("SixTokensKv", KvOrder.SplitNhd, tokens: 6);
}

/// <summary>Two groups whose pages are the same bytes, used for one group or the other.</summary>
internal readonly struct OverlaidKv : IKvLayout<OverlaidKv>
{
    public static KvSchema Schema { get; } = new("OverlaidKv",
    [
        Schemas.Attention("", KvOrder.FlashInferHnd).Groups[0] with { Name = "full", Layers = 1, Pool = "kv", Share = KvShare.Overlay },
        Schemas.Attention("", KvOrder.FlashInferHnd).Groups[0] with { Name = "sliding", Layers = 1, FirstLayer = 1, Window = 8, Pool = "kv", Share = KvShare.Overlay },
    ]);
}

/// <summary>One group more than a peer reads.</summary>
internal readonly struct TooManyGroups : IKvLayout<TooManyGroups>
{
    public static KvSchema Schema { get; } = new("TooManyGroups",
        [.. Enumerable.Range(0, 17).Select(i => Schemas.Attention("", KvOrder.SplitNhd).Groups[0] with { Name = "g" + i })]);
}

/// <summary>A scale for each block and head beside the values.</summary>
internal readonly struct ValuePerBlockKv : IKvLayout<ValuePerBlockKv>
{
    public static KvSchema Schema { get; } = Schemas.ScalePerBlock("ValuePerBlockKv", tokens: 4);
}

internal readonly struct ValuePerLargerBlockKv : IKvLayout<ValuePerLargerBlockKv>
{
    public static KvSchema Schema { get; } = Schemas.ScalePerBlock("ValuePerLargerBlockKv", tokens: 8);
}

/// <summary>Blocks of 32 bytes, for very many of them.</summary>
internal readonly struct TinyKv : IKvLayout<TinyKv>
{
    public static KvSchema Schema { get; } = new("TinyKv",
    [
        new KvGroupSchema("kv", "| B L N D")
        {
            Layers = 1, BlockTokens = 4,
            Components = [new KvComponentSchema("Latent", ElementType.Int8, [8])],
        },
    ]);
}

/// <summary>Pages of 1 MiB, for memory beyond 4 GiB.</summary>
internal readonly struct LargePages : IKvLayout<LargePages>
{
    public static KvSchema Schema { get; } = new("LargePages",
    [
        new KvGroupSchema("kv", "| B L N D")
        {
            Layers = 4, BlockTokens = 64,
            Components = [new KvComponentSchema("Latent", ElementType.BFloat16, [2048])],
        },
    ]);
}

/// <summary>So many layers that those of a few blocks have more checksums than a notification holds.</summary>
internal readonly struct ManyLayersKv : IKvLayout<ManyLayersKv>
{
    public const int Layers = 1100;

    public static KvSchema Schema { get; } = new("ManyLayersKv",
    [
        Schemas.Attention("", KvOrder.PackedLbhnc, dim: 1, heads: 1).Groups[0] with { Layers = Layers },
    ]);
}

internal static class Schemas
{
    public static KvSchema Attention(
        string name, string order, ElementType type = ElementType.BFloat16, int dim = 8, int heads = 4, int tokens = 4, int pageAlign = 0) => new(name,
    [
        new KvGroupSchema("kv", order)
        {
            Layers = 3, BlockTokens = tokens, KvHeads = heads, PageAlign = pageAlign,
            Components = [new KvComponentSchema("Key", type, [dim]), new KvComponentSchema("Value", type, [dim])],
        },
    ]);

    public static KvSchema ScalePerBlock(string name, int tokens) => new(name,
    [
        new KvGroupSchema("kv", KvOrder.FlashInferHnd)
        {
            Layers = 3, BlockTokens = tokens, KvHeads = 4,
            Components =
            [
                new KvComponentSchema("Key", ElementType.Int8, [8]),
                new KvComponentSchema("Scale", ElementType.Float32, [1]) { Order = "H D", ScaleOf = "Key" },
            ],
        },
    ]);
}
