using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region Two sides that differ
[KvPreset(KvEngine.VllmFlashInferNhd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    TpSizes = [4])]
public readonly partial struct LlamaPrefill;

[KvPreset(KvEngine.VllmPackedHnd, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 64, CacheType = BFloat16,
    TpSizes = [8])]
public readonly partial struct LlamaDecode;
#endregion

[KvPreset(KvEngine.VllmFlashInferNhd, Layers = 3, KvHeads = 4, HeadDim = 5, BlockTokens = 4, CacheType = BFloat16, TpSizes = [2, 4])]
public readonly partial struct TinyPrefill;

[KvPreset(KvEngine.VllmPackedHnd, Layers = 3, KvHeads = 4, HeadDim = 5, BlockTokens = 8, CacheType = BFloat16, TpSizes = [2, 4])]
public readonly partial struct TinyDecode;

public sealed class TwoSides : SectionTests
{
    // 20 tokens are 5 blocks of 4, or 3 of 8 of which the last is half full.
    private const int L = 3, H = 4, D = 5, Tokens = 20, PrefillTokens = 4, DecodeTokens = 8;
    private static readonly int[] PrefillIds = [7, 2, 0, 8, 3], DecodeIds = [4, 1, 5];

    public override string Heading => "Two sides that differ";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Between("NHD, N = 16 → packed HND, N = 64", LlamaPrefill.Schema, 4, LlamaDecode.Schema, 8, (10_240, 256)),
        CheckValue.Between("NHD, N = 16 → NHD, N = 16", LlamaPrefill.Schema, 4, LlamaPrefill.Schema, 8, (2560, 256)),
        CheckValue.Between("HND, N = 16 → HND, N = 64", LlamaFlashInferHnd.Schema, 4, LlamaFlashInferHnd.Schema.WithBlockTokens(64), 8, (640, 4096)),
        CheckValue.Between("packed HND, N = 16 → packed HND, N = 64", LlamaDecode.Schema.WithBlockTokens(16), 4, LlamaDecode.Schema, 8, (320, 8192)),
        CheckValue.Between("packed HND, N = 64 → packed HND, N = 64", LlamaDecode.Schema, 4, LlamaDecode.Schema, 8, (80, 32_768)),
    ];

    [Theory]
    [InlineData(2, 4)]
    [InlineData(4, 2)]
    public async Task Small_blocks_of_every_prefill_rank_become_large_ones_of_every_decode_rank(int from, int to)
    {
        await using var source = await PrefillAsync(from);
        await using var target = await DecodeAsync(to);
        await WriteAsync(source, target);
        await ReadAsync(source, target);
    }

    [Theory]
    [InlineData(2, 4)]
    [InlineData(4, 2)]
    public async Task Large_blocks_become_small_ones(int from, int to)
    {
        await using var source = await DecodeAsync(from);
        await using var target = await PrefillAsync(to);
        await WriteAsync(source, target);
        await ReadAsync(source, target);
    }

    #region Two sides that differ
    /// <summary>On each rank of one side, once: connects its pool to that of every rank of the other side.</summary>
    public static async Task<IReadOnlyList<RemoteKvPool<TLayout>>> ConnectAsync<TLayout>(
        KvPool<TLayout> pool, string theirPool, IEnumerable<byte[]> metadataOfRanks)
        where TLayout : IKvLayout<TLayout>
    {
        var remotes = new List<RemoteKvPool<TLayout>>();
        foreach (var metadata in metadataOfRanks)
            remotes.Add(pool.Connect(await pool.Agent.ConnectAsync(metadata), theirPool));
        return remotes;
    }

    /// <summary>On each prefill rank, per request: gives every decode rank what it needs of these blocks, and tells it.</summary>
    public static async Task<long> SendAsync<TLayout>(
        IEnumerable<RemoteKvPool<TLayout>> decodeRanks, int[] blocks, int[] theirBlocks, byte[] request)
        where TLayout : IKvLayout<TLayout>
    {
        var transfers = decodeRanks.Select(rank => rank.WriteBlocksAsync(blocks, theirBlocks, request).AsTask());
        return (await Task.WhenAll(transfers)).Sum(static result => result.Bytes);
    }
    #endregion

    private static Task<RankSet<TinyPrefill>> PrefillAsync(int tp) =>
        RankSet<TinyPrefill>.CreateAsync(tp, H / tp, NaivePrefill(H / tp), 9, PrefillIds);

    private static Task<RankSet<TinyDecode>> DecodeAsync(int tp) =>
        RankSet<TinyDecode>.CreateAsync(tp, H / tp, NaiveDecode(H / tp), 6, DecodeIds);

    /// <summary>Per layer [B, 2, N, H, D].</summary>
    private static NaiveGroup NaivePrefill(int heads) => new(
        B => NaiveGroup.Same(L, B * 2L * PrefillTokens * heads * D * 2),
        (B, b) =>
            from l in Upto(L) from kv in Upto(2) from n in Upto(PrefillTokens) from h in Upto(heads) from d in Upto(D)
            select new Place(l, ((((b * 2L + kv) * PrefillTokens + n) * heads + h) * D + d) * 2, 2, new(kv, l, h, n, d)));

    /// <summary>Per layer [B, H, N, 2D].</summary>
    private static NaiveGroup NaiveDecode(int heads) => new(
        B => NaiveGroup.Same(L, (long)B * heads * DecodeTokens * 2 * D * 2),
        (B, b) =>
            from l in Upto(L) from h in Upto(heads) from n in Upto(DecodeTokens) from c in Upto(2 * D)
            select new Place(l, (((b * (long)heads + h) * DecodeTokens + n) * 2 * D + c) * 2, 2, new(c / D, l, h, n, c % D)));

    private static Task WriteAsync<TSource, TTarget>(RankSet<TSource> source, RankSet<TTarget> target)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget> =>
        CheckAsync(source, target, async () =>
        {
            var bytes = 0L;
            foreach (var rank in source.Ranks)
            {
                var remotes = await ConnectAsync(rank.Pool, target.Ranks[0].Pool.Name, target.Metadata);
                bytes += await SendAsync(remotes, source.Ids, target.Ids, [(byte)rank.Pool.Parallel.TpRank]);
                foreach (var remote in remotes)
                    await remote.DisposeAsync();
            }
            foreach (var rank in target.Ranks)
                AssertToldByAll(rank.Agent, source.Ranks.Count);
            return bytes;
        });

    private static Task ReadAsync<TSource, TTarget>(RankSet<TSource> source, RankSet<TTarget> target)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget> =>
        CheckAsync(source, target, async () =>
        {
            var bytes = 0L;
            foreach (var rank in target.Ranks)
            {
                foreach (var remote in await ConnectAsync(rank.Pool, source.Ranks[0].Pool.Name, source.Metadata))
                {
                    bytes += (await remote.ReadBlocksAsync(target.Ids, source.Ids, [(byte)rank.Pool.Parallel.TpRank])).Bytes;
                    await remote.DisposeAsync();
                }
            }
            foreach (var rank in source.Ranks)
                AssertToldByAll(rank.Agent, target.Ranks.Count);
            return bytes;
        });

    // Every byte of every rank: the request's elements where the target's formula puts them, everything else as it was.
    private static async Task CheckAsync<TSource, TTarget>(RankSet<TSource> source, RankSet<TTarget> target, Func<Task<long>> moveAsync)
        where TSource : IKvLayout<TSource>
        where TTarget : IKvLayout<TTarget>
    {
        var random = new Random(source.Ranks.Count);
        foreach (var rank in source.Ranks)
            rank.FillRandom(random);
        foreach (var rank in target.Ranks)
            rank.Poison();
        var (before, expected) = (source.Copy(), target.Copy());
        var cache = source.Elements().ToDictionary(static each => each.Is, each => source.At(before, each.Rank, each.Place).ToArray());
        var moved = 0;
        foreach (var (element, rank, place) in target.Elements())
        {
            if (element.Token >= Tokens)
                continue;
            cache[element].CopyTo(target.At(expected, rank, place));
            moved += place.Bytes;
        }
        Assert.Equal(Tokens * 2 * L * H * D * 2, moved);
        Assert.Equal(moved, await moveAsync());
        target.AssertIs(expected, $"{source.Ranks.Count} ranks to {target.Ranks.Count}");
        source.AssertIs(before, "a source");
    }

    private static void AssertToldByAll(NixlAgent agent, int ranks)
    {
        var buffer = new byte[NixlAgent.MaxNotificationBytes];
        var told = new List<int>();
        while (agent.TryReadNotification(buffer, out var info))
        {
            Assert.Equal(1, info.PayloadLength);
            told.Add(buffer[0]);
        }
        Assert.Equal(Upto(ranks), told.Order());
    }
}
