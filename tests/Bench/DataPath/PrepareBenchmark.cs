using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>What prepared lists over many blocks hold beyond what they hold over one.</summary>
internal sealed class PrepareBenchmark : IBenchmark
{
    private const int Blocks = 655_360;
    private const int Piece = 64;
    private const int Regions = 2;

    public string Name => "prepare";

    public string Summary => $"memory that a prepared pool of {Blocks} blocks takes per block, beyond its regions.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, (long)Blocks * Piece * Regions);
        Measure(processes, 1); // compiles
        var (least, one, all) = (double.PositiveInfinity, 0L, 0L);
        for (var round = 0; round < 5 && least > 0; round++) // the runtime itself allocates now and then
        {
            (one, all) = (Measure(processes, 1), Measure(processes, Blocks));
            least = Math.Min(least, Math.Max(0, all - one) / (double)(Blocks - 1));
        }

        return
        [
            new("prepare.bytes_per_block", least, "bytes")
            {
                AtMost = 0,
                Ours = $"{all} bytes in all",
                Reference = $"{one} bytes",
                Note = $"lists and transfer over {Blocks} blocks in {Regions} regions, native and managed; against the same over one block",
            },
        ];
    }

    /// <summary>Native bytes that the lists say they hold, and managed bytes that were allocated.</summary>
    private static long Measure(TwoProcesses processes, int blocks)
    {
        StridedRegion[] own = [Region(processes.Own.Address, 0, blocks), Region(processes.Own.Address, 1, blocks)];
        StridedRegion[] other = [Region(processes.RemoteAddress, 0, blocks), Region(processes.RemoteAddress, 1, blocks)];
        var before = GC.GetTotalAllocatedBytes(true);
        using var local = processes.Agent.PrepareLocal(own);
        using var remote = processes.Agent.PrepareRemote(processes.Remote, other);
        using var transfer = processes.Agent.CreateTransfer(TransferOperation.Write, local, remote);
        return GC.GetTotalAllocatedBytes(true) - before + local.NativeMemory + remote.NativeMemory;
    }

    private static StridedRegion Region(nint address, int index, int blocks) =>
        new((ulong)address + (ulong)index * Blocks * Piece, Piece, Piece, (ulong)blocks);
}
