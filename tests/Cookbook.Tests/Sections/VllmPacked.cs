using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM packed
[KvLayout(KvOrder.PackedLbhnc, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaPacked
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
#endregion

#region vLLM packed
[KvPreset(KvEngine.VllmPackedLbhnc, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaPackedPreset;
#endregion

[KvLayout(KvOrder.PackedLbhnc, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyLbhnc
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.PackedLbnhc, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyLbnhc
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.PackedLhbnc, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyLhbnc
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.CrossLayer, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyBlhnc
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.CrossLayerNhd, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyBlnhc
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.PackedBhlnc, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyBhlnc
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.PackedHnd, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyPerLayerHnd
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.PackedNhd, Layers = 3, BlockTokens = 5, KvHeads = 2)]
public readonly partial struct TinyPerLayerNhd
{
    [KvComponent(BFloat16, 3)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 3)] public static partial KvComponent Value { get; }
}

public sealed class VllmPacked : SectionTests
{
    private const int L = 3, N = 5, H = 2, D = 3, C = 2 * D; // C is [2, D]: the key, then the value of a token and head

    private delegate Place Formula(int B, int b, int l, int h, int n, int c);

    public override string Heading => "vLLM packed";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B [L,B,H,N,C]", LlamaPacked.Schema, 8, 16, (80, 8192)),
        CheckValue.Of("Llama-3.1-70B [L,B,H,N,C]", LlamaPacked.Schema, 8, 64, (80, 32_768)),
        CheckValue.Of("Llama-3.1-70B [L,B,H,N,C]", LlamaPacked.Schema, 8, 128, (80, 65_536)),
        CheckValue.Of("Llama-3.1-70B [L,B,N,H,C]", LlamaPacked.Schema.WithOrder(KvOrder.PackedLbnhc), 8, 16, (80, 8192)),
        CheckValue.Of("Llama-3.1-70B [L,H,B,N,C]", LlamaPacked.Schema.WithOrder(KvOrder.PackedLhbnc), 8, 16, (80, 8192)),
        CheckValue.Of("Llama-3.1-70B [B,L,H,N,C]", LlamaPacked.Schema.WithOrder(KvOrder.CrossLayer), 8, 16, (1, 655_360)),
        CheckValue.Of("Llama-3.1-70B [B,L,N,H,C]", LlamaPacked.Schema.WithOrder(KvOrder.CrossLayerNhd), 8, 16, (1, 655_360)),
        CheckValue.Of("Llama-3.1-70B [B,H,L,N,C]", LlamaPacked.Schema.WithOrder(KvOrder.PackedBhlnc), 8, 16, (1, 655_360)),
        CheckValue.Of("Llama-3.1-70B per layer [B,H,N,C]", LlamaPacked.Schema.WithOrder(KvOrder.PackedHnd), 8, 16, (80, 8192)),
        CheckValue.Of("Llama-3.1-70B per layer [B,N,H,C]", LlamaPacked.Schema.WithOrder(KvOrder.PackedNhd), 8, 16, (80, 8192)),
        CheckValue.Of("Llama-3.1-70B [L,B,H,N,C] fp8", LlamaPacked.Schema.WithType(Fp8E4M3), 8, 16, (80, 4096)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_LBHNC_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyLbhnc>(transports, memory, [Naive(1, Lbhnc)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_LBNHC_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyLbnhc>(transports, memory, [Naive(1, Lbnhc)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_LHBNC_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyLhbnc>(transports, memory, [Naive(1, Lhbnc)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_BLHNC_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyBlhnc>(transports, memory, [Naive(1, Blhnc)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_BLNHC_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyBlnhc>(transports, memory, [Naive(1, Blnhc)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_BHLNC_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyBhlnc>(transports, memory, [Naive(1, Bhlnc)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_PerLayerHnd_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyPerLayerHnd>(transports, memory, [Naive(L, PerLayerHnd)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_PerLayerNhd_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyPerLayerNhd>(transports, memory, [Naive(L, PerLayerNhd)]);

    private static Element Is(int l, int h, int n, int c) => new(c / D, l, h, n, c % D);

    private static NaiveGroup Naive(int tensors, Formula formula) => new(
        B => NaiveGroup.Same(tensors, (long)L * B * H * N * C * 2 / tensors),
        (B, b) =>
            from l in Upto(L) from h in Upto(H) from n in Upto(N) from c in Upto(C)
            select formula(B, b, l, h, n, c));

    /// <summary>[L, B, H, N, C] in one tensor.</summary>
    private static Place Lbhnc(int B, int b, int l, int h, int n, int c) =>
        new(0, ((((l * (long)B + b) * H + h) * N + n) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[L, B, N, H, C] in one tensor.</summary>
    private static Place Lbnhc(int B, int b, int l, int h, int n, int c) =>
        new(0, ((((l * (long)B + b) * N + n) * H + h) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[L, H, B, N, C] in one tensor.</summary>
    private static Place Lhbnc(int B, int b, int l, int h, int n, int c) =>
        new(0, ((((l * (long)H + h) * B + b) * N + n) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[B, L, H, N, C] in one tensor.</summary>
    private static Place Blhnc(int B, int b, int l, int h, int n, int c) =>
        new(0, ((((b * (long)L + l) * H + h) * N + n) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[B, L, N, H, C] in one tensor.</summary>
    private static Place Blnhc(int B, int b, int l, int h, int n, int c) =>
        new(0, ((((b * (long)L + l) * N + n) * H + h) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[B, H, L, N, C] in one tensor.</summary>
    private static Place Bhlnc(int B, int b, int l, int h, int n, int c) =>
        new(0, ((((b * (long)H + h) * L + l) * N + n) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[B, H, N, C] per layer.</summary>
    private static Place PerLayerHnd(int B, int b, int l, int h, int n, int c) =>
        new(l, (((b * (long)H + h) * N + n) * C + c) * 2, 2, Is(l, h, n, c));

    /// <summary>[B, N, H, C] per layer.</summary>
    private static Place PerLayerNhd(int B, int b, int l, int h, int n, int c) =>
        new(l, (((b * (long)N + n) * H + h) * C + c) * 2, 2, Is(l, h, n, c));
}
