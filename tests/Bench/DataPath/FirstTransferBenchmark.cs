using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>The first transfer after a connect to a fresh process, against the median of those that follow.</summary>
internal sealed class FirstTransferBenchmark : IBenchmark
{
    public string Name => "local.first";

    public string Summary => "the first transfer to a fresh process, against the median of the later ones.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        using var ids = new Permutation(sizes.SmallPieces);
        var (first, warm, ratio) = (new Measurements(), new Measurements(), new Measurements());
        // One connection more than counts: in the first our own code is compiled.
        for (var connection = -1; connection < (quick ? 3 : 7); connection++)
        {
            await using var processes = await TwoProcesses.StartAsync(NixlTransports.Local, sizes.Bytes, copiers: 1);
            using var transfer = processes.Prepare(Sizes.SmallPiece);
            var cold = await transfer.RunAsync(ids.From, ids.To);
            var later = new Measurements();
            for (var round = 0; round < 7; round++)
                later.Add(await transfer.RunAsync(ids.From, ids.To));
            if (connection < 0)
            {
                await processes.VerifyAsync(transfer, ids.From, ids.To);
                continue;
            }

            first.Add(cold);
            warm.Add(later.Median);
            ratio.Add(cold / later.Median);
        }

        return
        [
            new("local.first.vs_warm", ratio.Median, "ratio")
            {
                AtMost = 1.2,
                Ours = Comparison.Time(first.Median),
                Reference = Comparison.Time(warm.Median),
                Note = $"{sizes.Describe(sizes.SmallPieces)}; {ratio.Count} new connections, each against its 7 later transfers",
            },
        ];
    }
}
