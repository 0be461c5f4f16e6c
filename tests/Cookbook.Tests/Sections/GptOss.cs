using Nixl.Sdk.Cookbook.Tests.Support;
using Nixl.Sdk.Planning;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region gpt-oss: full and sliding groups
[KvLayout]
public readonly partial struct GptOss20B
{
    [KvGroup(KvOrder.FlashInferHnd, Layers = 12, FirstLayer = 1, LayerStep = 2, BlockTokens = 16, KvHeads = 8)]
    public readonly partial struct Full
    {
        [KvComponent(BFloat16, 64)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.FlashInferHnd, Layers = 12, LayerStep = 2, BlockTokens = 16, KvHeads = 8, Window = 128)]
    public readonly partial struct Sliding
    {
        [KvComponent(BFloat16, 64)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 64)] public static partial KvComponent Value { get; }
    }
}
#endregion

#region gpt-oss: full and sliding groups
[KvPreset(KvEngine.VllmFlashInferHnd, Layers = 24, KvHeads = 8, HeadDim = 64, BlockTokens = 16, CacheType = BFloat16,
    Window = 128, SlidingLayers = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22])]
public readonly partial struct GptOss20BPreset;
#endregion

[KvLayout]
public readonly partial struct TinyGptOss
{
    [KvGroup(KvOrder.FlashInferHnd, Layers = 2, FirstLayer = 1, LayerStep = 2, BlockTokens = 7, KvHeads = 2)]
    public readonly partial struct Full
    {
        [KvComponent(BFloat16, 6)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 6)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.FlashInferHnd, Layers = 3, LayerStep = 2, BlockTokens = 3, KvHeads = 2, Window = 5)]
    public readonly partial struct Sliding
    {
        [KvComponent(BFloat16, 6)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16, 6)] public static partial KvComponent Value { get; }
    }
}

public sealed class GptOss : SectionTests
{
    public override string Heading => "gpt-oss: full and sliding groups";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("gpt-oss-20b sliding", GptOss20B.Schema, 1, 16, 1, (12, 32_768)),
        CheckValue.Of("gpt-oss-20b full", GptOss20B.Schema, 1, 16, 0, (12, 32_768)),
        CheckValue.Of("gpt-oss-20b full", GptOss20B.Schema, 8, 16, 0, (12, 4096)),
    ];

    [Fact]
    public void Layers_alternate()
    {
        Assert.Equal([1, 3, 5], GptOss20B.Schema.Groups[0].LayerNumbers().Take(3));
        Assert.Equal([0, 2, 4], GptOss20B.Schema.Groups[1].LayerNumbers().Take(3));
    }

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_blocks_of_both_groups_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyGptOss>(transports, memory, [Naive(L: 2, N: 7), Naive(L: 3, N: 3)]);

    [Fact]
    public async Task A_request_sends_all_full_blocks_and_the_windows_sliding_blocks()
    {
        NaiveGroup[] groups = [Naive(L: 2, N: 7), Naive(L: 3, N: 3)];
        await using var a = await Side<TinyGptOss>.CreateAsync("a", NixlTransports.Loopback, Memory.Allocated, groups, [4, 9]);
        await using var b = await Side<TinyGptOss>.CreateAsync("b", NixlTransports.Loopback, Memory.Allocated, groups, [5, 8]);
        await using var remote = a.Pool.Connect(await a.Agent.ConnectAsync(b.Agent.ExportMetadata()));
        a.FillRandom(new Random(4));
        b.Poison();
        var (source, expected) = (a.Copy(), b.Copy());
        int[] fullHere = [3, 1], fullThere = [0, 4], slidingHere = [8, 2, 5, 0], slidingThere = [1, 6, 0, 7];
        for (var i = 0; i < 2; i++)
            groups[0].Copy(a.TensorsOf(source, 0), 4, fullHere[i], b.TensorsOf(expected, 0), 5, fullThere[i]);
        for (var i = 1; i < 4; i++) // a window of 5 in blocks of 3: the last 3 of 4
            groups[1].Copy(a.TensorsOf(source, 1), 9, slidingHere[i], b.TensorsOf(expected, 1), 8, slidingThere[i]);

        #region gpt-oss: full and sliding groups
        // Every group has block ids of its own: one transfer for each, side by side.
        var count = Math.Min(slidingHere.Length, LayoutMath.WindowBlocks(TinyGptOss.Sliding.Window, TinyGptOss.Sliding.BlockTokens));
        var sliding = TinyGptOss.Sliding.WriteBlocksAsync(remote, slidingHere.AsSpan()[^count..], slidingThere.AsSpan()[^count..]);
        var full = TinyGptOss.Full.WriteBlocksAsync(remote, fullHere, fullThere);
        await sliding;
        await full;
        #endregion

        b.AssertIs(expected, "two groups of one request");
    }

    /// <summary>Per layer [B, 2, H, N, D].</summary>
    private static NaiveGroup Naive(int L, int N)
    {
        const int H = 2, D = 6;
        return new(
            B => NaiveGroup.Same(L, (long)B * 2 * H * N * D * 2),
            (B, b) =>
                from l in Upto(L) from kv in Upto(2) from h in Upto(H) from n in Upto(N) from d in Upto(D)
                select new Place(l, ((((b * 2L + kv) * H + h) * N + n) * D + d) * 2, 2, new(kv, l, h, n, d)));
    }
}
