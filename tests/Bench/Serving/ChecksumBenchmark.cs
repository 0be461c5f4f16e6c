using System.Diagnostics;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Bench.Serving;

/// <summary>What it costs to make the checksums of blocks: reading them, against copying them.</summary>
internal sealed class ChecksumBenchmark : IBenchmark
{
    public string Name => "checksum";

    public string Summary => "checksums of blocks in random order, pieces of 4 KiB, against memcpy of the same pieces.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        await using var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "checksum", Transport = new FakeTransport() });
        var blocks = quick ? 256 : 2048;
        using var pool = KvPool<ChecksumKv>.Allocate(agent, blocks, new ModelIdentity("bench", "1"));
        using var copies = KvPool<ChecksumKv>.Allocate(agent, blocks, new ModelIdentity("bench", "1"), new KvPoolOptions { Name = "copies" });
        var ids = Enumerable.Range(0, blocks).ToArray();
        new Random(1).Shuffle(ids);
        foreach (var id in ids)
            for (var piece = 0; piece < pool.PiecesPerBlock(); piece++) pool.Piece(piece, id).Fill((byte)(id + piece));

        var group = pool.Groups[0];
        var made = new BlockSums(pool, 0, [.. group.Plan.Layers.Select(group.RegionsOfLayer)], 1, 1);
        var sums = new ulong[made.Layers * blocks];
        var compared = await Comparison.AlternateAsync(quick ? 5 : 25, () => Time(() => made.Compute(0, made.Layers, ids, sums)), () => Time(() => Copy(pool, copies, ids)));
        var bytes = pool.BytesPerBlock() * blocks;
        return
        [
            new Figure("checksum.vs_memcpy", compared.Speed, "ratio")
            {
                Ours = Comparison.Rate(bytes, compared.Ours.Median),
                Reference = Comparison.Rate(bytes, compared.Reference.Median),
                Note = $"XXH3 of {bytes >> 20} MiB by one thread, one for each layer of a block ({pool.BytesPerBlock() / made.Layers} bytes in two pieces); reference: the pieces copied one by one",
            },
        ];
    }

    private static void Copy(KvPool from, KvPool to, int[] ids)
    {
        for (var piece = 0; piece < from.PiecesPerBlock(); piece++)
            foreach (var id in ids) from.Piece(piece, id).CopyTo(to.Piece(piece, id));
    }

    private static Task<double> Time(Action action)
    {
        var began = Stopwatch.GetTimestamp();
        action();
        return Task.FromResult(Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    /// <summary>One of eight ranks of a model with eight heads: 16 tokens of one head with 128 elements are 4 KiB.</summary>
    private readonly struct ChecksumKv : IKvLayout<ChecksumKv>
    {
        public static KvSchema Schema { get; } = new("ChecksumKv",
        [
            new KvGroupSchema("kv", KvOrder.SplitNhd)
            {
                Layers = 8, BlockTokens = 16, KvHeads = 1,
                Components = [new KvComponentSchema("Key", ElementType.BFloat16, [128]), new KvComponentSchema("Value", ElementType.BFloat16, [128])],
            },
        ]);
    }
}
