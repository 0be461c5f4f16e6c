using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>A WRITE with notification between the arenas of two processes, against one thread's memcpy of the same pieces.</summary>
internal sealed class CopyBenchmark(string name) : IBenchmark
{
    public string Name => name;

    public string Summary => $"{new Sizes(false).Describe(new Sizes(false).Pieces(name))}, between the arenas of two processes, against memcpy.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        return await RunAsync(sizes, MemoryOrigin.Arena)
            ?? await RunAsync(sizes, MemoryOrigin.SmallPageArena)
            ?? throw new InvalidOperationException("Arenas and reference cannot be had with the same pages.");
    }

    /// <summary>Null: the reference did not get the pages that the arenas got.</summary>
    private async Task<IReadOnlyList<Figure>?> RunAsync(Sizes sizes, MemoryOrigin origin)
    {
        var pieces = sizes.Pieces(name);
        using var ids = new Permutation(pieces);
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, sizes.Bytes, origin, copiers: 1);
        using var transfer = processes.Prepare(sizes.Bytes / pieces);
        await processes.VerifyAsync(transfer, ids.From, ids.To);
        var pages = $"{processes.Own.PageSize} {processes.RemotePageSize}";
        using var memcpy = await ReferenceTool.StartAsync(
            "memcpy", processes.Own.PageSize.ToString(), processes.RemotePageSize.ToString(), transfer.PieceBytes.ToString(), ids.Path);
        if (memcpy.Properties != pages)
            return null;

        var result = await Comparison.AlternateAsync(sizes.Rounds, () => transfer.RunAsync(ids.From, ids.To), memcpy.RoundAsync);
        return
        [
            new($"{name}.vs_memcpy", result.Speed, "ratio")
            {
                AtLeast = pieces == 1 ? 0.95 : 1.15,
                Ours = Comparison.Rate(sizes.Bytes, result.Ours.Median),
                Reference = Comparison.Rate(sizes.Bytes, result.Reference.Median),
                Note = $"{sizes.Describe(pieces)}, one copier thread; one thread's memcpy between shared mappings with the same pages ({pages} B)",
            },
        ];
    }
}
