using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve.Tests;

/// <summary>That a wrong answer, a leaked block and a wrong counter are found: what the chaos test stands on.</summary>
public sealed class JudgeTests : IDisposable
{
    private readonly MonolithicReference _reference = new();
    private readonly ServePrompt _prompt = PromptSet.Create(5, 4)[1];

    [Fact]
    public void The_right_answer_and_every_beginning_of_it_is_right()
    {
        Assert.Null(AnswerJudge.WhatIsWrong(Right(), _reference));
        var tokens = _reference.TokensOf(_prompt);
        for (var count = 0; count <= tokens.Length; count++)
        {
            var part = Of(Outcome.Failed, tokens[..count], _reference.TextOf(_prompt)[..Math.Min(count, _reference.TextOf(_prompt).Length)], "");
            Assert.Null(AnswerJudge.WhatIsWrong(part, _reference));
        }
    }

    [Fact]
    public void A_wrong_token_anywhere_is_found_in_whole_and_in_partial_answers()
    {
        var tokens = _reference.TokensOf(_prompt);
        foreach (var outcome in (Outcome[])[Outcome.Done, Outcome.Failed, Outcome.Broken, Outcome.Aborted])
        {
            for (var at = 0; at < tokens.Length; at++)
            {
                var wrong = tokens.ToArray();
                wrong[at] ^= 1;
                Assert.Contains($"token {at} is", AnswerJudge.WhatIsWrong(Of(outcome, wrong, _reference.TextOf(_prompt), "length"), _reference), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void An_answer_that_is_short_repeats_a_token_has_other_text_or_another_end_is_found()
    {
        var (tokens, text) = (_reference.TokensOf(_prompt), _reference.TextOf(_prompt));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Done, tokens[..^1], text, "length"), _reference));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Done, [], "", "length"), _reference));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Failed, [.. tokens, 32], text, "length"), _reference));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Done, tokens, text + "x", "length"), _reference));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Failed, [], "?", ""), _reference));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Done, tokens, text, "abort"), _reference));
        Assert.NotNull(AnswerJudge.WhatIsWrong(Of(Outcome.Hung, [], "", ""), _reference));
    }

    [Fact]
    public void A_run_in_which_almost_everything_is_refused_is_found()
    {
        Answer[] Answers(int done, int refused) =>
            [.. Enumerable.Range(0, done).Select(_ => Right()), .. Enumerable.Range(0, refused).Select(_ => new Answer(_prompt, 0) { Outcome = Outcome.Refused, Code = "no_engine" })];
        Assert.Null(AnswerJudge.TooFew(Answers(8, 900), TimeSpan.FromSeconds(15)));
        Assert.Contains("only 7 of 907", AnswerJudge.TooFew(Answers(7, 900), TimeSpan.FromSeconds(15)), StringComparison.Ordinal);
        Assert.NotNull(AnswerJudge.TooFew(Answers(59, 0), TimeSpan.FromMinutes(2)));
        Assert.NotNull(AnswerJudge.TooFew([], TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Counters_have_to_be_what_clients_saw_as_far_as_they_saw_it()
    {
        Answer[] answers = [Right(), Right(), new(_prompt, 0) { Outcome = Outcome.Refused, Code = "full" }];
        Assert.Empty(CounterCheck.Check(Counted(2, 1), answers, since: 0));
        Assert.Single(CounterCheck.Check(Counted(3, 1), answers, since: 0));
        Assert.Single(CounterCheck.Check(Counted(1, 1), answers, since: 0));
        Assert.Single(CounterCheck.Check(Counted(2, 0), answers, since: 0));
        // A router that was started anew knows nothing of what was asked before.
        Answer[] lives = [.. answers, new(_prompt, 2000) { Outcome = Outcome.Refused, Code = "full", Ended = 2001 }];
        Assert.Empty(CounterCheck.Check(Counted(0, 1), lives, since: 1000));
        Assert.NotEmpty(CounterCheck.Check(Counted(2, 2), lives, since: 1000));
        Assert.NotEmpty(CounterCheck.Check(Counted(0, 0), lives, since: 1000));
        // What one client did not see the end of may have been complete.
        Assert.Empty(CounterCheck.Check(Counted(3, 1), [.. answers, new(_prompt, 0) { Outcome = Outcome.Broken }], since: 0));
        Assert.Single(CounterCheck.Check(Counted(2, 1, running: 1), answers, since: 0));
    }

    [Theory]
    [InlineData("")]
    [InlineData("free", "rank 0's blocks are")]
    [InlineData("reserved on another rank", "rank 1's blocks are")]
    [InlineData("quarantine", "3 blocks are in quarantine because of prefill-0 for 9 s")]
    [InlineData("queue", "its queue is")]
    public void A_block_or_a_request_that_an_engine_still_holds_is_found_on_every_rank(string what, string? said = null)
    {
        var free = new EngineBlocks(64, 64, 12, 0, 0, 0, 0, 0);
        var status = new EngineStatus
        {
            Name = "decode-0", Role = EngineRole.Decode, Incarnation = "1", ProcessId = 1, Ready = true, Draining = false, TensorParallel = 2, BlockTokens = 16,
            Queue = new EngineQueue(0, 0, what == "queue" ? 1 : 0, 64),
            Blocks = what == "free" ? free with { Free = 63 } : free,
            BlocksOfOtherRanks = [what == "reserved on another rank" ? free with { Free = 62, Reserved = 2 } : free],
            Quarantine = what == "quarantine" ? [new EngineQuarantine("prefill-0", 3, 9000)] : [],
            Peers = [], Prefills = [], PromptTokensComputed = 0, TokensGenerated = 0, RequestsFinished = 0, RequestsFailed = 0, RequestsAborted = 0, Failovers = 0,
        };
        if (said is null) Assert.Null(SettleCheck.WhatIsHeld(status));
        else Assert.Contains(said, SettleCheck.WhatIsHeld(status), StringComparison.Ordinal);
    }

    public void Dispose() => _reference.Dispose();

    private Answer Right() => Of(Outcome.Done, _reference.TokensOf(_prompt), _reference.TextOf(_prompt), _reference.FinishOf(_prompt));

    private Answer Of(Outcome outcome, int[] tokens, string text, string finish)
    {
        var answer = new Answer(_prompt, 0) { Outcome = outcome, Text = text, Finish = finish };
        answer.Tokens.AddRange(tokens);
        return answer;
    }

    private static RouterFigures Counted(int complete, int full, int running = 0) => RouterFigures.Parse($"""
        # HELP nixl_router_requests_total Answers that have ended.
        nixl_router_requests_total{"{"}outcome="length"{"}"} {complete}
        nixl_router_refusals_total{"{"}reason="full"{"}"} {full}
        nixl_router_requests{"{"}phase="running"{"}"} {running}
        nixl_router_generated_tokens_total 100000
        """);
}
