using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Bench.Processes;

namespace Nixl.Sdk.Bench.DataPath;

/// <summary>
/// Processor time of a post by ids, on the posting and the progress thread, where the transport moves nothing; against the least that
/// expanding ids can be. What threads spin that wait for the outcome is not work for the post.
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
        var result = await Comparison.AlternateAsync(quick ? 7 : 15, () => OnThread(() => Posts(transfer, ids)), loop.RoundAsync);
        return
        [
            new("post.vs_loop", result.Cost, "ratio")
            {
                AtMost = 2,
                Ours = $"{Comparison.Time(result.Ours.Median / Blocks)} a descriptor",
                Reference = $"{Comparison.Time(result.Reference.Median / Blocks)} a descriptor",
                Note = $"processor time of the posting and the progress thread, {Blocks} random ids; checks bounds, merges neighbours, writes address pairs",
            },
        ];
    }

    private static double Posts(PreparedTransfer transfer, Permutation ids)
    {
        var posting = 0.0;
        var progress = ThreadTime.OfNamed(ProgressThread);
        for (var i = 0; i < Repetitions; i++)
        {
            posting -= ThreadTime.OfCaller();
            var outcome = transfer.Transfer.PostAsync(ids.From, ids.To); // without a notification: that would be a second agent's work
            posting += ThreadTime.OfCaller();
            // Asleep: a continuation would leave a thread of the pool spinning beside the next post, on one core with it where the
            // machine's processors are threads of one.
            while (!outcome.IsCompleted)
                Thread.Sleep(1);
            outcome.GetAwaiter().GetResult();
        }

        return (posting + ThreadTime.OfNamed(ProgressThread) - progress) / Repetitions;
    }

    // One thread of its own, whose time is read.
    private static Task<double> OnThread(Func<double> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
