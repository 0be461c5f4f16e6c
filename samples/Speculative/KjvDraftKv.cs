using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>
/// How the KV cache of the draft model lies in memory. Blocks are small, 4 tokens: a round changes a handful of positions, and whole blocks
/// are written.
/// </summary>
[KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 2)]
public readonly partial struct KjvDraftKv
{
    /// <summary>Keys, after rotation.</summary>
    [KvComponent(Float32, 32)]
    public static partial KvComponent Key { get; }

    /// <summary>Values.</summary>
    [KvComponent(Float32, 32)]
    public static partial KvComponent Value { get; }
}
