using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM MLA
[KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 16)]
public readonly partial struct DeepSeekMla
{
    [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
}
#endregion

#region vLLM MLA
[KvPreset(KvEngine.VllmMla, Layers = 61, LatentDim = 512, RopeDim = 64, BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct DeepSeekMlaPreset;
#endregion

[KvLayout(KvOrder.Mla, Layers = 3, BlockTokens = 5)]
public readonly partial struct TinyMla
{
    [KvComponent(BFloat16, 11)] public static partial KvComponent Latent { get; }
}

public sealed class VllmMla : SectionTests
{
    private const int L = 3, N = 5, D = 11;

    public override string Heading => "vLLM MLA";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("DeepSeek-R1", DeepSeekMla.Schema, 8, 16, (61, 18_432)),
        CheckValue.Of("DeepSeek-R1", DeepSeekMla.Schema, 8, 64, (61, 73_728)),
        CheckValue.Between("DeepSeek-R1, N = 16", DeepSeekMla.Schema, 4, DeepSeekMla.Schema, 8, (61, 18_432)),
    ];

    /// <summary>Per layer [B, N, 576]; one head, so none is named.</summary>
    internal static NaiveGroup Naive() => new(
        B => NaiveGroup.Same(L, (long)B * N * D * 2),
        (B, b) =>
            from l in Upto(L) from n in Upto(N) from d in Upto(D)
            select new Place(l, ((b * (long)N + n) * D + d) * 2, 2, new(0, l, 0, n, d)));

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyMla>(transports, memory, [Naive()]);
}
