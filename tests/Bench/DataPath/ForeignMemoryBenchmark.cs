using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>The random case on memory that the SDK did not allocate, against raw process_vm_writev.</summary>
internal sealed class ForeignMemoryBenchmark : IBenchmark
{
    public string Name => "local.foreign4k";

    public string Summary => "random 4 KiB blocks in memory that is no arena, against process_vm_writev in batches of 1024.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        using var ids = new Permutation(sizes.SmallPieces);
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, sizes.Bytes, MemoryOrigin.Own, copiers: 1);
        using var transfer = processes.Prepare(Sizes.SmallPiece);
        await processes.VerifyAsync(transfer, ids.From, ids.To);
        using var vm = await ReferenceTool.StartAsync("vm", transfer.PieceBytes.ToString(), ids.Path);
        var result = await Comparison.AlternateAsync(sizes.Rounds, () => transfer.RunAsync(ids.From, ids.To), vm.RoundAsync);
        return
        [
            new("local.foreign4k.vs_vm", result.Speed, "ratio")
            {
                AtLeast = 0.95,
                Ours = Comparison.Rate(sizes.Bytes, result.Ours.Median),
                Reference = Comparison.Rate(sizes.Bytes, result.Reference.Median),
                Note = $"{sizes.Describe(sizes.SmallPieces)}, allocated memory, one copier thread; process_vm_writev, 1024 pieces a call",
            },
        ];
    }
}
