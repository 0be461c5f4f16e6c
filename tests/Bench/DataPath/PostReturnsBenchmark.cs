using System.Diagnostics;
using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>How long a post keeps its caller, against how long the transfer takes.</summary>
internal sealed class PostReturnsBenchmark : IBenchmark
{
    public string Name => "post.returns";

    public string Summary => "time until the post of the random case returns, against the whole transfer.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        var sizes = new Sizes(quick);
        return Worst.Of("post.returns", [await RunAsync(sizes, NixlTransports.Local, "local"), await RunAsync(sizes, NixlTransports.Fabric, "tcp")]);
    }

    private static async Task<Figure> RunAsync(Sizes sizes, NixlTransports transport, string name)
    {
        using var ids = new Permutation(sizes.SmallPieces);
        await using var processes = await TwoProcesses.StartAsync(transport, sizes.Bytes);
        using var transfer = processes.Prepare(Sizes.SmallPiece);
        await processes.VerifyAsync(transfer, ids.From, ids.To);
        var (post, whole, ratio) = (new Measurements(), new Measurements(), new Measurements());
        for (var round = 0; round < sizes.Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            var running = transfer.PostAsync(ids.From, ids.To);
            var returned = Stopwatch.GetElapsedTime(start);
            await running;
            var ended = Stopwatch.GetElapsedTime(start);
            post.Add(returned);
            whole.Add(ended);
            ratio.Add(returned / ended);
        }

        return new($"post.returns.{name}", ratio.Median, "ratio")
        {
            AtMost = 0.05,
            Ours = Comparison.Time(post.Median),
            Reference = Comparison.Time(whole.Median),
            Note = $"{sizes.Describe(sizes.SmallPieces)}; until the post returns, against until the transfer has ended",
        };
    }
}
