using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// How the KV cache of the samples' model lies in memory: per layer one tensor of keys and one of values, blocks of 16 tokens,
/// tokens outside heads. The generator makes everything else from these lines.
/// </summary>
[KvLayout(KvOrder.SplitNhd, Layers = 4, BlockTokens = 16, KvHeads = 4)]
public readonly partial struct KjvBytesKv
{
    /// <summary>Keys, after rotation.</summary>
    [KvComponent(Float32, 32)]
    public static partial KvComponent Key { get; }

    /// <summary>Values.</summary>
    [KvComponent(Float32, 32)]
    public static partial KvComponent Value { get; }
}
