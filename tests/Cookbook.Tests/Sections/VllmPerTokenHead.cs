using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM per-token-head scales
[KvLayout(KvOrder.SplitNhd, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaInt8Carved
{
    [KvComponent(Int8, 128)] public static partial KvComponent Key { get; }
    [KvComponent(Int8, 128)] public static partial KvComponent Value { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent KeyScale { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Value))] public static partial KvComponent ValueScale { get; }
}

[KvLayout(KvOrder.FlashInferNhd, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaFp8ScalesInPage
{
    [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
    [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Value { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent KeyScale { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Value))] public static partial KvComponent ValueScale { get; }
}
#endregion

#region vLLM per-token-head scales
[KvPreset(KvEngine.VllmPerTokenHead, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = Int8,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaInt8CarvedPreset;
#endregion

[KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 3)]
public readonly partial struct TinyInt8Carved
{
    [KvComponent(Int8, 5)] public static partial KvComponent Key { get; }
    [KvComponent(Int8, 5)] public static partial KvComponent Value { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent KeyScale { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Value))] public static partial KvComponent ValueScale { get; }
}

[KvLayout(KvOrder.FlashInferNhd, Layers = 2, BlockTokens = 4, KvHeads = 3)]
public readonly partial struct TinyFp8ScalesInPage
{
    [KvComponent(Fp8E4M3, 5)] public static partial KvComponent Key { get; }
    [KvComponent(Fp8E4M3, 5)] public static partial KvComponent Value { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent KeyScale { get; }
    [KvComponent(Float32, 1, ScaleOf = nameof(Value))] public static partial KvComponent ValueScale { get; }
}

public sealed class VllmPerTokenHead : SectionTests
{
    private const int L = 2, N = 4, H = 3, D = 5;

    public override string Heading => "vLLM per-token-head scales";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B int8, carved", LlamaInt8Carved.Schema, 8, 16, (160, 2048), (160, 64)),
        CheckValue.Of("Llama-3.1-70B int8, carved", LlamaInt8Carved.Schema, 8, 64, (160, 8192), (160, 256)),
        CheckValue.Of("Llama-3.1-70B fp8, scales in the page", LlamaFp8ScalesInPage.Schema, 8, 16, (80, 4224)),
    ];

    [Fact]
    public void A_block_has_4_bytes_of_scale_per_token_head_and_strip() =>
        Assert.Equal(80 * (2 * 16 * 8 * 128 + 2 * 16 * 8 * 4), LlamaInt8Carved.BytesPerBlock);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_with_carved_scales_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyInt8Carved>(transports, memory, [Carved()]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_with_scales_in_the_page_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyFp8ScalesInPage>(transports, memory, [InPage()]);

    /// <summary>Per layer: K [B, N, H, D], V the same, scales of K [B, N, H], scales of V.</summary>
    private static NaiveGroup Carved() => new(
        B => [.. Upto(L).SelectMany(_ => (long[])[B * N * H * D, B * N * H * D, B * N * H * 4, B * N * H * 4])],
        (B, b) =>
            from l in Upto(L) from kv in Upto(2) from n in Upto(N) from h in Upto(H)
            let row = (b * (long)N + n) * H + h
            from place in Upto(D).Select(d => new Place(4 * l + kv, row * D + d, 1, new(kv, l, h, n, d)))
                .Append(new Place(4 * l + 2 + kv, row * 4, 4, new(2 + kv, l, h, n, 0)))
            select place);

    /// <summary>Per layer [B] pages of: K [N, H, D], V, scales of K [N, H], scales of V.</summary>
    private static NaiveGroup InPage()
    {
        const int Strip = N * H * D, Page = 2 * Strip + 2 * N * H * 4;
        return new(
            B => NaiveGroup.Same(L, (long)B * Page),
            (B, b) =>
                from l in Upto(L) from kv in Upto(2) from n in Upto(N) from h in Upto(H)
                let page = b * (long)Page
                let row = n * H + h
                from place in Upto(D).Select(d => new Place(l, page + kv * Strip + row * D + d, 1, new(kv, l, h, n, d)))
                    .Append(new Place(l, page + 2 * Strip + (kv * N * H + row) * 4, 4, new(2 + kv, l, h, n, 0)))
                select place);
    }
}
