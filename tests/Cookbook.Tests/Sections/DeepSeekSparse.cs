using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region DeepSeek V3.2: MLA and sparse-attention indexer
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
#endregion

#region DeepSeek V3.2: MLA and sparse-attention indexer
[KvPreset(KvEngine.VllmFp8DsMlaSparse, Layers = 61, LatentDim = 512, RopeDim = 64, IndexerDim = 128, BlockTokens = 64)]
public readonly partial struct DeepSeekV32Preset;
#endregion

[KvLayout]
public readonly partial struct TinyDeepSeekV32
{
    [KvGroup(KvOrder.MlaAlternating, Layers = 3, BlockTokens = 5)]
    public readonly partial struct Mla
    {
        [KvComponent(Fp8E4M3, 20)] public static partial KvComponent Latent { get; }
        [KvComponent(Float32, 2, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
        [KvComponent(BFloat16, 6)] public static partial KvComponent Rope { get; }
    }

    [KvGroup(KvOrder.Indexer, Layers = 2, BlockTokens = 7)]
    public readonly partial struct Indexer
    {
        [KvComponent(Fp8E4M3, 12)] public static partial KvComponent Key { get; }
        [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
    }
}

public sealed class DeepSeekSparse : SectionTests
{
    public override string Heading => "DeepSeek V3.2: MLA and sparse-attention indexer";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("DeepSeek-V3.2 MLA", DeepSeekV32.Schema, 8, 64, 0, (61, 41_984)),
        CheckValue.Of("DeepSeek-V3.2 indexer", DeepSeekV32.Schema, 8, 64, 1, (61, 8448)),
    ];

    [Fact]
    public void A_token_has_656_bytes_and_132_in_the_indexer()
    {
        Assert.Equal(61 * 656, DeepSeekV32.Mla.BytesPerToken);
        Assert.Equal(61 * 132, DeepSeekV32.Indexer.BytesPerToken);
    }

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_both_groups_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyDeepSeekV32>(transports, memory, [VllmFp8DsMla.Naive(), NaiveIndexer()]);

    /// <summary>Per layer [B] pages of: N × 12 fp8, then N × fp32.</summary>
    private static NaiveGroup NaiveIndexer()
    {
        const int L = 2, N = 7, D = 12, Page = N * D + N * 4;
        return new(
            B => NaiveGroup.Same(L, (long)B * Page),
            (B, b) =>
                from l in Upto(L) from n in Upto(N)
                let page = b * (long)Page
                from place in Upto(D).Select(d => new Place(l, page + n * D + d, 1, new(0, l, 0, n, d)))
                    .Append(new Place(l, page + N * D + n * 4, 4, new(1, l, 0, n, 0)))
                select place);
    }
}
