using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

// Llama-3.1-70B: 80 layers, 8 KV heads, 128 bf16 elements each.

[KvLayout(KvOrder.SplitNhd, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [4, 8])]
public readonly partial struct LlamaSplitNhd
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.SplitHnd, Layers = 80, BlockTokens = 64, KvHeads = 8, TpSizes = [4, 8])]
public readonly partial struct LlamaSplitHnd
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.PackedHnd, Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct LlamaPacked
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.CrossLayer, Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct LlamaCrossLayer
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.FlashAttention, Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct LlamaFlashAttention
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.CrossLayer, Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct LlamaFp8
{
    [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
    [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.TokenPool, Layers = 80, BlockTokens = 1, KvHeads = 8)]
public readonly partial struct LlamaTokenPool
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}

[KvLayout("L P | B H N D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
public readonly partial struct LlamaXPacked
{
    [KvComponent(BFloat16, 128, Order = "H D/8 N D%8")] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128, Order = "H D N")] public static partial KvComponent Value { get; }
}
