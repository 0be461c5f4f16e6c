using Nixl.Sdk.Bench.Serving;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Serve;

namespace Nixl.Sdk.Bench.Tests;

public sealed class HandoverPartsTests
{
    [Fact]
    public void The_parts_add_up_to_the_time_to_the_first_token()
    {
        var parts = HandoverParts.Of(Answered(1000, 1100), Traced(1001))!;
        Assert.Equal(100, parts.Whole, 6);
        Assert.Equal((1, 2, 3, 4), (parts.Client, parts.Router, parts.Choice, parts.Request));
        Assert.Equal((5, 60, 6, 7), (parts.Queue, parts.Compute, parts.Copy, parts.End));
        Assert.Equal((1, 4, 7, 9), (parts.FirstToken, parts.Back, parts.Out, parts.Moving));
        Assert.Equal(100 - 60 - 6, parts.Overhead, 6);
    }

    [Fact]
    public void What_took_another_way_has_no_parts()
    {
        Assert.Null(HandoverParts.Of(Answered(1000, 1100), null));
        Assert.Null(HandoverParts.Of(Answered(1000, 1100), Traced(1001) with { Handover = null }));
        Assert.Null(HandoverParts.Of(Answered(1000, 1100), Traced(1001) with { Failovers = 1 }));
        var failed = Answered(1000, 1100);
        failed.Outcome = Outcome.Failed;
        Assert.Null(HandoverParts.Of(failed, Traced(1001)));
    }

    [Fact]
    public void A_median_request_is_the_mean_of_the_middle_fifth()
    {
        var all = Enumerable.Range(0, 10).Select(extra => HandoverParts.Of(Answered(1000, 1100 + extra), Traced(1001))!).ToArray();
        Assert.Equal(104.5, HandoverParts.Middle(all).Whole, 6);
        Assert.Equal(100, HandoverParts.Middle(all[..1]).Whole, 6);
    }

    private static Answer Answered(double started, double firstToken)
    {
        var answer = new Answer(new ServePrompt(0, "x", 8, SharesPrefix: false), started) { Outcome = Outcome.Done };
        answer.TokenTimes.Add(firstToken);
        return answer;
    }

    private static LiveRequest Traced(double created) => new(
        "id", "x", 2, 0, 8, 1, "done", "", "decode-0", "prefill-0", "", created, 1089, 1200, 1, [], [], 0)
    {
        Handover = new LiveHandover(created + 2, created + 5, created + 9, created + 87, QueuedMs: 5, PrefillMs: 60, TransferMs: 50, ExposedMs: 6, MovingMs: 9),
        FirstTokenSeen = 1093,
    };
}
