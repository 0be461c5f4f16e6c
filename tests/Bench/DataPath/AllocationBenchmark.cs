using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>Managed bytes that a transfer with notification allocates once everything is warm.</summary>
internal sealed class AllocationBenchmark : IBenchmark
{
    private const int Piece = 64;
    private const int Many = 40_960;

    public string Name => "alloc";

    public string Summary => $"managed bytes per transfer after warm-up, 1 and {Many} blocks, every transport.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        List<Figure> parts = [];
        foreach (var (transport, name) in ((NixlTransports, string)[])
            [(NixlTransports.Loopback, "loopback"), (NixlTransports.Local, "local"), (NixlTransports.Fabric, "tcp")])
        {
            parts.Add(await RunAsync(transport, name, 1, quick ? 200 : 2000));
            parts.Add(await RunAsync(transport, name, Many, quick ? 5 : 20));
        }

        return Worst.Of("alloc.bytes", parts);
    }

    private static async Task<Figure> RunAsync(NixlTransports transport, string name, int blocks, int posts)
    {
        var least = 0.0;
        if (transport == NixlTransports.Loopback) // by its nature in one process
        {
            await using var one = await OneProcess.StartAsync((long)Many * Piece);
            using var transfer = one.Prepare(Piece);
            least = await MeasureAsync(transfer, blocks, posts);
        }
        else
        {
            await using var two = await TwoProcesses.StartAsync(transport, (long)Many * Piece);
            using var transfer = two.Prepare(Piece);
            least = await MeasureAsync(transfer, blocks, posts);
        }

        return new($"alloc.bytes.{name}.{blocks}", least, "bytes")
        {
            AtMost = 0,
            Note = $"per transfer of {blocks} blocks of {Piece} bytes with notification, in the posting process; the least of some rounds of {posts}",
        };
    }

    /// <summary>The runtime itself allocates now and then; what a post allocates would be in every round.</summary>
    private static async Task<double> MeasureAsync(PreparedTransfer transfer, int blocks, int posts)
    {
        using var ids = new Permutation(blocks);
        var (from, to) = (ids.From, ids.To);
        var least = double.PositiveInfinity;
        for (var round = 0; round < 12 && least > 0; round++)
        {
            var before = GC.GetTotalAllocatedBytes(true);
            for (var i = 0; i < posts; i++)
                await transfer.PostAsync(from, to);
            if (round > 0)
                least = Math.Min(least, (GC.GetTotalAllocatedBytes(true) - before) / (double)posts);
        }

        return least;
    }
}
