using System.Diagnostics;
using System.Runtime.InteropServices;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>One 4 KiB WRITE from post to completed, against a memcpy called through P/Invoke.</summary>
internal sealed partial class SmallWriteBenchmark : IBenchmark
{
    private const int Blocks = 32;
    private const int Batch = 4000;

    public string Name => "write4k";

    public string Summary => "one 4 KiB local WRITE from C#, post to completed, against the same through a bare P/Invoke memcpy.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, Blocks * Sizes.SmallPiece);
        using var transfer = processes.Prepare(Sizes.SmallPiece);
        using var plain = processes.Agent.CreateArena(Blocks * Sizes.SmallPiece); // of the same kind, and ours
        using var ids = new Permutation(Blocks);
        await processes.VerifyAsync(transfer, ids.From, ids.To);
        var (own, other) = (processes.Own.Address, plain.Address);
        var result = await Comparison.AlternateAsync(
            quick ? 9 : 21, () => WritesAsync(transfer, quick ? Batch / 4 : Batch), () => Task.FromResult(Copies(own, other)));
        return
        [
            new("write4k.vs_memcpy_call", result.Cost, "ratio")
            {
                AtMost = 4,
                Ours = Comparison.Time(result.Ours.Median),
                Reference = Comparison.Time(result.Reference.Median),
                Note = $"one block at a time, {Blocks} rotating ones; memcpy through P/Invoke between two arenas of one process",
            },
        ];
    }

    private static async Task<double> WritesAsync(PreparedTransfer transfer, int count)
    {
        var id = new int[1];
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            id[0] = i % Blocks;
            await transfer.Transfer.PostAsync(id, id);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }

    private static double Copies(nint from, nint to)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 10 * Batch; i++)
        {
            var offset = i % Blocks * Sizes.SmallPiece;
            MemoryCopy(to + offset, from + offset, Sizes.SmallPiece);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / (10 * Batch);
    }

    [LibraryImport("libc", EntryPoint = "memcpy")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint MemoryCopy(nint to, nint from, nint bytes);
}
