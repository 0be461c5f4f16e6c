using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>Processor time of a post by ids, in all threads, where the transport moves nothing; against the least that expanding ids can be.</summary>
internal sealed class PostCostBenchmark : IBenchmark
{
    private const int Blocks = 40_960;
    private const int Posts = 50;

    public string Name => "post.vs_loop";

    public string Summary => $"processor time per descriptor of posting {Blocks} random ids to a transport that moves nothing, against a C loop.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        using var ids = new Permutation(Blocks);
        await using var process = await OneProcess.StartAsync((long)Blocks * Sizes.SmallPiece);
        process.MoveNothing();
        using var transfer = process.Prepare(Sizes.SmallPiece);
        using var loop = await ReferenceTool.StartAsync("pairs", Sizes.SmallPiece.ToString(), Blocks.ToString(), ids.Path);
        var result = await Comparison.AlternateAsync(quick ? 7 : 15, () => PostsAsync(transfer, ids), loop.RoundAsync);
        return
        [
            new("post.vs_loop", result.Cost, "ratio")
            {
                AtMost = 2,
                Ours = $"{Comparison.Time(result.Ours.Median / Blocks)} a descriptor",
                Reference = $"{Comparison.Time(result.Reference.Median / Blocks)} a descriptor",
                Note = $"processor time of all threads, post to outcome, {Blocks} random ids; checks bounds, merges neighbours, writes address pairs",
            },
        ];
    }

    private static async Task<double> PostsAsync(PreparedTransfer transfer, Permutation ids)
    {
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < Posts; i++)
            await transfer.Transfer.PostAsync(ids.From, ids.To); // without a notification: that would be a second agent's work
        return (Environment.CpuUsage.TotalTime - before).TotalSeconds / Posts;
    }
}
