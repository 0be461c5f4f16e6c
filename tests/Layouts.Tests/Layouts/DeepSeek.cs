using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

// DeepSeek-R1: 61 layers, one latent of 512 and a rope part of 64 per token, the same on every rank.

[KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 16)]
public readonly partial struct DeepSeekMla
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}

[KvLayout(KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64)]
public readonly partial struct DeepSeekMlaTwoParts
{
    [KvComponent(BFloat16, 512)] public static partial KvComponent Latent { get; }
    [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
}

[KvLayout("| B L N D", Layers = 61, BlockTokens = 64)]
public readonly partial struct DeepSeekCrossLayer
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}

[KvLayout]
public readonly partial struct DeepSeekV32
{
    [KvGroup(KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64)]
    public readonly partial struct Mla
    {
        [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
        [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
    }

    [KvGroup(KvOrder.Indexer, Layers = 61, BlockTokens = 64)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}

/// <summary>The same two groups, small enough to look at every byte.</summary>
[KvLayout]
public readonly partial struct TinyTwoGroups
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
