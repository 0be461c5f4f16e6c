using Nixl.Sdk.Cookbook.Tests.Support;
using Nixl.Sdk.Planning;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region x-packed keys
[KvLayout("L P | B H N D", Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaXPacked
{
    [KvComponent(BFloat16, 128, Order = "H D/8 N D%8")] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128, Order = "H D N")] public static partial KvComponent Value { get; }
}
#endregion

#region x-packed keys
[KvPreset(KvEngine.VllmXPacked, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaXPackedPreset;
#endregion

[KvLayout("L P | B H N D", Layers = 2, BlockTokens = 5, KvHeads = 3)]
public readonly partial struct TinyXPacked
{
    [KvComponent(BFloat16, 12, Order = "H D/4 N D%4")] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 12, Order = "H D N")] public static partial KvComponent Value { get; }
}

public sealed class XPackedKeys : SectionTests
{
    private const int L = 2, N = 5, H = 3, D = 12, X = 4;

    public override string Heading => "x-packed keys";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaXPacked.Schema, 8, 16, (160, 4096)),
        CheckValue.Between("Llama-3.1-70B, N = 16 → N = 32",
            LlamaXPacked.Schema, 8, LlamaXPacked.Schema.WithBlockTokens(32), 8, (2560, 256), (20_480, 32)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyXPacked>(transports, memory, [Naive()]);

    [Fact]
    public void More_pieces_than_65536_are_refused()
    {
        var schema = LlamaXPacked.Schema; // 92,160 pieces for each 16 tokens of all heads
        var error = Assert.Throws<NotSupportedException>(() => ReshardPlan.Create(schema, 1, schema.WithBlockTokens(32), 1));
        Assert.Contains("65536", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_element_of_a_key_lies_where_the_tile_says()
    {
        await using var side = await Side<TinyXPacked>.CreateAsync("a", NixlTransports.Loopback, Memory.Allocated, [Naive()], [6]);
        var key = side.Pool.TensorAddress(2);
        Assert.Equal(key + ((((4 * H + 2) * (D / X) + 7 / X) * N + 3) * X + 7 % X) * 2, side.Pool.AddressOf(TinyXPacked.Key, 1, 4, 2, 3, 7));
        var value = side.Pool.TensorAddress(3);
        Assert.Equal(value + (((4 * H + 2) * D + 7) * N + 3) * 2, side.Pool.AddressOf(TinyXPacked.Value, 1, 4, 2, 3, 7));
    }

    /// <summary>Per layer: K (B, H, D/x, N, x), V (B, H, D, N).</summary>
    private static NaiveGroup Naive() => new(
        B => NaiveGroup.Same(2 * L, (long)B * H * D * N * 2),
        (B, b) =>
            from l in Upto(L) from h in Upto(H) from n in Upto(N) from d in Upto(D)
            from place in (Place[])
            [
                new(2 * l, ((((b * (long)H + h) * (D / X) + d / X) * N + n) * X + d % X) * 2, 2, new(0, l, h, n, d)),
                new(2 * l + 1, (((b * (long)H + h) * D + d) * N + n) * 2, 2, new(1, l, h, n, d)),
            ]
            select place);
}
