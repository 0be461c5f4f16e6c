namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>All tensor-parallel ranks of one side, and the blocks in which each of them has its part of one request.</summary>
internal sealed class RankSet<T> : IAsyncDisposable
    where T : IKvLayout<T>
{
    private readonly NaiveGroup _own;
    private readonly int _heads;

    private RankSet(Side<T>[] ranks, NaiveGroup own, int heads, int[] ids) => (Ranks, _own, _heads, Ids) = (ranks, own, heads, ids);

    public IReadOnlyList<Side<T>> Ranks { get; }

    /// <summary>The request's blocks in token order, the same on every rank.</summary>
    public int[] Ids { get; }

    /// <summary>Metadata of every rank, as a peer gets it.</summary>
    public IEnumerable<byte[]> Metadata => Ranks.Select(static rank => rank.Agent.ExportMetadata());

    /// <param name="tp">How many ranks.</param>
    /// <param name="heads">The heads of one rank.</param>
    /// <param name="own">The formulas of one rank.</param>
    /// <param name="blocks">The blocks of every rank's pool.</param>
    /// <param name="ids">The request's blocks.</param>
    public static async Task<RankSet<T>> CreateAsync(int tp, int heads, NaiveGroup own, int blocks, int[] ids)
    {
        var ranks = new Side<T>[tp];
        for (var rank = 0; rank < tp; rank++)
        {
            ranks[rank] = await Side<T>.CreateAsync(
                $"rank{rank}", NixlTransports.Loopback, Memory.Bound, [own], [blocks], new KvParallel(tp, rank));
            ranks[rank].AssertElements(own, 0);
        }
        return new RankSet<T>(ranks, own, heads, ids);
    }

    /// <summary>Every element of the request by its name in the whole model and in the whole prompt: where which rank has it.</summary>
    public IEnumerable<(Element Is, int Rank, Place Place)> Elements()
    {
        var blockTokens = T.Schema.Groups[0].BlockTokens;
        return
            from rank in Loops.Upto(Ranks.Count)
            from block in Loops.Upto(Ids.Length)
            from place in _own.Block(Ranks[rank].BlocksOf(0), Ids[block])
            let element = place.Is
            select (element with { Head = rank * _heads + element.Head, Token = block * blockTokens + element.Token }, rank, place);
    }

    /// <summary>The bytes of one element within copies of all ranks.</summary>
    public Span<byte> At(byte[][][] copies, int rank, Place place) =>
        Ranks[rank].TensorsOf(copies[rank], 0)(place.Tensor).AsSpan((int)place.Offset, place.Bytes);

    public byte[][][] Copy() => [.. Ranks.Select(static rank => rank.Copy())];

    public void AssertIs(byte[][][] expected, string context)
    {
        for (var rank = 0; rank < Ranks.Count; rank++)
            Ranks[rank].AssertIs(expected[rank], context);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var rank in Ranks)
            await rank.DisposeAsync();
    }
}
