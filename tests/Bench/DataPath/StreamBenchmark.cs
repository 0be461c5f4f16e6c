using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>A WRITE with notification over libfabric's TCP, against one plain socket stream of as many bytes.</summary>
internal sealed class StreamBenchmark(string name) : IBenchmark
{
    public string Name => name;

    public string Summary => $"{new Sizes(false).Describe(new Sizes(false).Pieces(name))}, over libfabric's TCP loopback, against one socket stream.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        var pieces = sizes.Pieces(name);
        using var ids = new Permutation(pieces);
        await using var processes = await TwoProcesses.StartAsync(NixlTransports.Fabric, sizes.Bytes);
        using var transfer = processes.Prepare(sizes.Bytes / pieces);
        await processes.VerifyAsync(transfer, ids.From, ids.To);
        using var stream = await ReferenceTool.StartAsync("stream", sizes.Bytes.ToString());
        var result = await Comparison.AlternateAsync(sizes.Rounds, () => transfer.RunAsync(ids.From, ids.To), stream.RoundAsync);
        return
        [
            new($"{name}.vs_stream", result.Speed, "ratio")
            {
                AtLeast = pieces == 1 ? 0.85 : 0.5,
                Ours = Comparison.Rate(sizes.Bytes, result.Ours.Median),
                Reference = Comparison.Rate(sizes.Bytes, result.Reference.Median),
                Note = $"{sizes.Describe(pieces)}, {processes.Remote.Provider}; one TCP stream, sends of 1 MiB, reads of 64 KiB",
            },
        ];
    }
}
