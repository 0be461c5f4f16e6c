using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>
/// Processor time of a post by ids, on the posting and the progress thread, where the transport moves nothing; against the least that
/// expanding ids can be. Threads that wait for the outcome spin for a while first: that is no work for the post, and shown apart.
/// </summary>
internal sealed class PostCostBenchmark : IBenchmark
{
    private const int Blocks = 40_960;
    private const int Repetitions = 50;
    private const string ProgressThread = "nixl-loopback";

    public string Name => "post.vs_loop";

    public string Summary => $"processor time per descriptor of posting {Blocks} random ids to a transport that moves nothing, against a C loop.";

    public async Task<IReadOnlyList<Figure>> RunAsync(bool quick)
    {
        using var ids = new Permutation(Blocks);
        await using var process = await OneProcess.StartAsync((long)Blocks * Sizes.SmallPiece);
        process.MoveNothing();
        using var transfer = process.Prepare(Sizes.SmallPiece);
        using var loop = await ReferenceTool.StartAsync("pairs", Sizes.SmallPiece.ToString(), Blocks.ToString(), ids.Path);
        var all = new Samples();
        var result = await Comparison.AlternateAsync(quick ? 7 : 15, () => OnThread(() => Posts(transfer, ids, all)), loop.RoundAsync);
        return
        [
            new("post.vs_loop", result.Cost, "ratio")
            {
                AtMost = 2,
                Ours = $"{Comparison.Time(result.Ours.Median / Blocks)} a descriptor",
                Reference = $"{Comparison.Time(result.Reference.Median / Blocks)} a descriptor",
                Note = $"processor time of the posting and the progress thread, {Blocks} random ids; checks bounds, merges neighbours, writes address "
                    + $"pairs. All threads with their spinning for the outcome: {Comparison.Time(all.Median / Blocks)}",
            },
        ];
    }

    private static double Posts(PreparedTransfer transfer, Permutation ids, Samples all)
    {
        var whole = Environment.CpuUsage.TotalTime;
        var posting = 0.0;
        var progress = ThreadTime.OfNamed(ProgressThread);
        for (var i = 0; i < Repetitions; i++)
        {
            posting -= ThreadTime.OfCaller();
            var outcome = transfer.Transfer.PostAsync(ids.From, ids.To); // without a notification: that would be a second agent's work
            posting += ThreadTime.OfCaller();
            outcome.AsTask().GetAwaiter().GetResult();
        }

        all.Add((Environment.CpuUsage.TotalTime - whole).TotalSeconds / Repetitions);
        return (posting + ThreadTime.OfNamed(ProgressThread) - progress) / Repetitions;
    }

    // One thread of its own, whose time is read.
    private static Task<double> OnThread(Func<double> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
