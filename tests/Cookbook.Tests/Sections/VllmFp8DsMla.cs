using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM fp8_ds_mla
[KvLayout(KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64)]
public readonly partial struct DeepSeekFp8Mla
{
    [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
    [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
    [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
}
#endregion

#region vLLM fp8_ds_mla
[KvPreset(KvEngine.VllmFp8DsMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 64)]
public readonly partial struct DeepSeekFp8MlaPreset;
#endregion

[KvLayout(KvOrder.MlaAlternating, Layers = 3, BlockTokens = 5)]
public readonly partial struct TinyFp8Mla
{
    [KvComponent(Fp8E4M3, 20)] public static partial KvComponent Latent { get; }
    [KvComponent(Float32, 2, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
    [KvComponent(BFloat16, 6)] public static partial KvComponent Rope { get; }
}

public sealed class VllmFp8DsMla : SectionTests
{
    private const int L = 3, N = 5, TokenBytes = 20 + 2 * 4 + 6 * 2;

    public override string Heading => "vLLM fp8_ds_mla";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("DeepSeek-R1", DeepSeekFp8Mla.Schema, 8, 64, (61, 41_984)),
    ];

    [Fact]
    public void A_token_has_656_bytes() => Assert.Equal(61 * 656, DeepSeekFp8Mla.BytesPerToken);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyFp8Mla>(transports, memory, [Naive()]);

    /// <summary>Per layer [B, N] tokens of: fp8 latent, fp32 scales, bf16 rope, side by side.</summary>
    internal static NaiveGroup Naive() => new(
        B => NaiveGroup.Same(L, (long)B * N * TokenBytes),
        (B, b) =>
            from l in Upto(L) from n in Upto(N)
            let token = (b * (long)N + n) * TokenBytes
            from place in Upto(20).Select(i => new Place(l, token + i, 1, new(0, l, 0, n, i)))
                .Concat(Upto(2).Select(i => new Place(l, token + 20 + i * 4, 4, new(1, l, 0, n, i))))
                .Concat(Upto(6).Select(i => new Place(l, token + 20 + 2 * 4 + i * 2, 2, new(2, l, 0, n, i))))
            select place);
}
