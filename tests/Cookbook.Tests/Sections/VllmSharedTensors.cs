using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM hybrid models: shared tensors
[KvLayout]
public readonly partial struct GptOss20BShared
{
    [KvGroup(KvOrder.FlashInferHnd, Layers = 12, FirstLayer = 1, LayerStep = 2, BlockTokens = 16, KvHeads = 8,
        Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Full
    {
        [KvComponent(BFloat16, 64)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.FlashInferHnd, Layers = 12, LayerStep = 2, BlockTokens = 16, KvHeads = 8, Window = 128,
        Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Sliding
    {
        [KvComponent(BFloat16, 64)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Value { get; }
    }
}
#endregion

#region vLLM hybrid models: shared tensors
[KvPreset(KvEngine.VllmFlashInferHnd, Layers = 24, KvHeads = 8, HeadDim = 64, BlockTokens = 16, CacheType = BFloat16,
    Window = 128, SlidingLayers = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22], Share = KvShare.Overlay)]
public readonly partial struct GptOss20BSharedPreset;
#endregion

[KvLayout]
public readonly partial struct TinyGptOssShared
{
    [KvGroup(KvOrder.FlashInferHnd, Layers = 2, LayerStep = 2, BlockTokens = 3, KvHeads = 2, Window = 5, Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Sliding
    {
        [KvComponent(BFloat16, 6)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 6)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.FlashInferHnd, Layers = 3, FirstLayer = 1, LayerStep = 2, BlockTokens = 3, KvHeads = 2, Pool = "kv", Share = KvShare.Overlay)]
    public readonly partial struct Full
    {
        [KvComponent(BFloat16, 6)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 6)] public static partial KvComponent Value { get; }
    }
}

public sealed class VllmSharedTensors : SectionTests
{
    public override string Heading => "vLLM hybrid models: shared tensors";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("gpt-oss-20b sliding", GptOss20BShared.Schema, 1, 16, 1, (12, 32_768)),
        CheckValue.Of("gpt-oss-20b full", GptOss20BShared.Schema, 1, 16, 0, (12, 32_768)),
    ];

    [Fact]
    public void Twenty_four_layers_are_twelve_tensors()
    {
        var plan = GptOss20BShared.Plan(100);
        Assert.Equal(12 * 100 * 32_768, plan.TotalBytes);
        Assert.All(plan.Groups, static group => Assert.Equal(12, group.Tensors.Count));
    }

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_both_groups_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyGptOssShared>(transports, memory, [Naive(L: 2), Naive(L: 3)]);

    [Fact]
    public async Task Groups_use_different_blocks_of_the_same_tensors()
    {
        NaiveGroup[] groups = [Naive(L: 2), Naive(L: 3)];
        await using var a = await Side<TinyGptOssShared>.CreateAsync("a", NixlTransports.Local, Memory.Bound, groups, [9, 9]);
        await using var b = await Side<TinyGptOssShared>.CreateAsync("b", NixlTransports.Local, Memory.Bound, groups, [8, 8]);
        await using var remote = a.Pool.Connect(await a.Agent.ConnectAsync(b.Agent.ExportMetadata()));
        a.FillRandom(new Random(5));
        b.Poison();
        var (source, expected) = (a.Copy(), b.Copy());
        int[] slidingHere = [8, 2], slidingThere = [1, 6], fullHere = [0, 5, 3], fullThere = [7, 0, 4];
        for (var i = 0; i < 2; i++)
            groups[0].Copy(a.TensorsOf(source, 0), 9, slidingHere[i], b.TensorsOf(expected, 0), 8, slidingThere[i]);
        for (var i = 0; i < 3; i++)
            groups[1].Copy(a.TensorsOf(source, 1), 9, fullHere[i], b.TensorsOf(expected, 1), 8, fullThere[i]);
        await TinyGptOssShared.Sliding.WriteBlocksAsync(remote, slidingHere, slidingThere);
        await TinyGptOssShared.Full.WriteBlocksAsync(remote, fullHere, fullThere);
        b.AssertIs(expected, "two groups in the same tensors");
    }

    /// <summary>Layer i of every group in tensor i: [B, 2, H, N, D].</summary>
    private static NaiveGroup Naive(int L)
    {
        const int N = 3, H = 2, D = 6;
        return new(
            B => NaiveGroup.Same(L, (long)B * 2 * H * N * D * 2),
            (B, b) =>
                from l in Upto(L) from kv in Upto(2) from h in Upto(H) from n in Upto(N) from d in Upto(D)
                select new Place(l, ((((b * 2L + kv) * H + h) * N + n) * D + d) * 2, 2, new(kv, l, h, n, d)));
    }
}
