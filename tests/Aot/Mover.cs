namespace Nixl.Sdk.Aot;

/// <summary>Moves random blocks of one layout between two agents and looks at every byte of the target.</summary>
internal static class Mover<T>
    where T : IKvLayout<T>
{
    private const byte Poison = 0xA5;
    private const int Blocks = 16;

    /// <summary>Bytes moved. A wrong byte or too few of them is an exception that says where.</summary>
    public static async Task<long> MoveAsync(NixlTransports transport, Random random)
    {
        await using var prefill = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "prefill", Transports = transport });
        await using var decode = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "decode", Transports = transport });
        var model = new ModelIdentity("tiny", "r1");
        using var source = KvPool<T>.Allocate(prefill, Blocks, model);
        using var target = KvPool<T>.Allocate(decode, Blocks, model);
        await using var remote = source.Connect(await prefill.ConnectAsync(decode.ExportMetadata()));

        long bytes = 0;
        for (var group = 0; group < T.Schema.Groups.Count; group++)
        {
            Fill(source, group, random.NextBytes);
            Fill(target, group, piece => piece.Fill(Poison));
            int[] from = Pick(random), to = Pick(random);
            var result = await remote.WriteBlocksAsync(group, from, to, new PostOptions { Timeout = TimeSpan.FromSeconds(20) });
            Check(source, target, group, from, to);
            if (result.Bytes != from.Length * source.BytesPerBlock(group))
                throw new InvalidDataException($"{result.Bytes} bytes reported for {from.Length} blocks of {source.BytesPerBlock(group)}");
            bytes += result.Bytes;
        }

        return bytes;
    }

    private static int[] Pick(Random random)
    {
        var blocks = Enumerable.Range(0, Blocks).ToArray();
        random.Shuffle(blocks);
        return blocks[..5];
    }

    private static void Fill(KvPool<T> pool, int group, Action<Span<byte>> fill)
    {
        for (var piece = 0; piece < pool.PiecesPerBlock(group); piece++)
            for (var block = 0; block < Blocks; block++) fill(pool.Piece(group, piece, block));
    }

    private static void Check(KvPool<T> source, KvPool<T> target, int group, int[] from, int[] to)
    {
        for (var piece = 0; piece < target.PiecesPerBlock(group); piece++)
        {
            for (var block = 0; block < Blocks; block++)
            {
                var written = Array.IndexOf(to, block);
                var found = target.Piece(group, piece, block);
                var right = written < 0
                    ? !found.ContainsAnyExcept(Poison)
                    : found.SequenceEqual(source.Piece(group, piece, from[written]));
                if (!right)
                    throw new InvalidDataException($"{typeof(T)}: group {group}, piece {piece}, block {block} is not as expected");
            }
        }
    }
}
