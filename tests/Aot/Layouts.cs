using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Aot;

/// <summary>Keys and values in tensors of their own.</summary>
[KvLayout(KvOrder.SplitNhd, Layers = 3, BlockTokens = 4, KvHeads = 2)]
public readonly partial struct Split
{
    [KvComponent(BFloat16, 16)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 16)] public static partial KvComponent Value { get; }
}

/// <summary>A block of all layers in one piece; a nested class.</summary>
internal static partial class Models
{
    [KvLayout(KvOrder.CrossLayer, Layers = 4, BlockTokens = 8, KvHeads = 2)]
    internal sealed partial class CrossLayer
    {
        [KvComponent(Fp8E4M3, 32)] internal static partial KvComponent Key { get; }
        [KvComponent(Fp8E4M3, 32)] internal static partial KvComponent Value { get; }
    }
}

/// <summary>Two groups with blocks of their own.</summary>
[KvLayout]
public readonly partial struct Sparse
{
    [KvGroup(KvOrder.MlaAlternating, Layers = 2, BlockTokens = 4)]
    public readonly partial struct Mla
    {
        [KvComponent(Fp8E4M3, 64)] public static partial KvComponent Latent { get; }
        [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
        [KvComponent(BFloat16, 8)] public static partial KvComponent Rope { get; }
    }

    [KvGroup(KvOrder.Indexer, Layers = 3, BlockTokens = 4)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 32)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}
