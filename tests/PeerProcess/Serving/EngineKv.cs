using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.PeerProcess.Serving;

/// <summary>The cache of the processes that are killed: 4 layers of 512 KiB a block, K and V of each are tensors of their own.</summary>
[KvLayout(KvOrder.SplitNhd, Layers = LayerCount, BlockTokens = 16, KvHeads = 16)]
public readonly partial struct EngineKv
{
    public const int LayerCount = 4;
    public const string PoolName = "kv";
    private const int Bytes = 16 * 16 * 256 * sizeof(float);

    public static readonly ModelIdentity Model = new("killed", "1");

    [KvComponent(Float32, 256)] public static partial KvComponent Key { get; }

    [KvComponent(Float32, 256)] public static partial KvComponent Value { get; }

    /// <summary>Gives blocks the bytes that a seed stands for: others in each tensor and at each position.</summary>
    public static void Fill(KvPool<EngineKv> pool, int seed, ReadOnlySpan<int> blocks)
    {
        for (var tensor = 0; tensor < 2 * LayerCount; tensor++)
            for (var at = 0; at < blocks.Length; at++) Expected(seed, tensor, at).CopyTo(Block(pool, tensor, blocks[at]));
    }

    /// <summary>The first difference to what <see cref="Fill"/> gives, or null. Looks at every byte.</summary>
    public static string? Difference(KvPool<EngineKv> pool, int seed, ReadOnlySpan<int> blocks)
    {
        for (var tensor = 0; tensor < 2 * LayerCount; tensor++)
        {
            for (var at = 0; at < blocks.Length; at++)
            {
                var same = Block(pool, tensor, blocks[at]).CommonPrefixLength(Expected(seed, tensor, at));
                if (same < Bytes) return $"tensor {tensor}, block {at} (id {blocks[at]}), byte {same} of {Bytes}";
            }
        }
        return null;
    }

    private static byte[] Expected(int seed, int tensor, int at)
    {
        var bytes = new byte[Bytes];
        new Random((seed * 10_007) + (tensor * 101) + at).NextBytes(bytes);
        return bytes;
    }

    private static unsafe Span<byte> Block(KvPool<EngineKv> pool, int tensor, int id) =>
        new((void*)pool.AddressOf(tensor % 2 == 0 ? Key : Value, tensor / 2, id), Bytes);
}
