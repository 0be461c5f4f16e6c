using System.Net;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Prompts that the router sends to a prefill engine at the same time as to the decode engine that will ask for them.</summary>
public sealed class PromptAheadTests
{
    private static readonly ByteTokenizer Tokenizer = new();

    [Fact]
    public async Task The_first_token_is_told_before_the_decode_engine_has_one_and_only_once()
    {
        await using var cluster = await Cluster.StartAsync();
        var (prefill, decode) = await StartAsync(cluster);
        using var allowed = new SemaphoreSlim(0);
        decode.Allowed = allowed;
        var prompt = Tokenizer.Encode("In the beginning");
        var (pieces, done) = await cluster.Http.StreamAsync(new { prompt, max_tokens = 12, stream = true, return_token_ids = true }, piece =>
        {
            // The decode engine computes none before this one has been read: if the client waited for it, this would never end.
            if (((int)piece["choices"]![0]!["token_ids"]!.AsArray().Count) == 1 && allowed.CurrentCount == 0) allowed.Release(100);
        });
        Assert.True(done);
        Assert.Equal(ScriptedEngine.AnswerTo(prompt, 12), pieces.TokensOf());
        var (request, sent) = (decode.Requests.Last(), Assert.Single(prefill.Prompts));
        Assert.Equal(request.Ahead, sent.Name);
        Assert.Equal(prompt, sent.Prompt);
        Assert.InRange(sent.TimeoutSeconds, 1, Cluster.Options.Timeout.TotalSeconds);
        var live = cluster.Router.Context.Feed.RequestsSince(0)[^1];
        Assert.True(live.FirstTokenAhead);
        Assert.Equal(12, live.Tokens);
        Assert.Contains("""nixl_router_first_tokens_total{from="prefill"} 1""", await cluster.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("refuses")]
    [InlineData("fails")]
    [InlineData("hangs")]
    [InlineData("is dead")]
    public async Task A_prefill_engine_that_does_not_answer_costs_nothing(string what)
    {
        await using var cluster = await Cluster.StartAsync();
        var prefill = new ScriptedEngine("prefill-0", EngineRole.Prefill);
        var member = await cluster.AddAsync(prefill);
        await StartAsync(cluster, prefill);
        if (what == "refuses") prefill.Refusal = new EngineBusyException(isFull: true, "scripted");
        if (what == "fails") prefill.Ahead = _ => null;
        if (what == "hangs") prefill.AheadTime = Timeout.InfiniteTimeSpan;
        if (what == "is dead")
        {
            await member.StopAnnouncingAsync();
            await member.KillAsync();
        }
        var prompt = Tokenizer.Encode("And it came to pass");
        var (pieces, done) = await cluster.Http.StreamAsync(new { prompt, max_tokens = 12, stream = true, return_token_ids = true });
        Assert.True(done);
        Assert.Equal(ScriptedEngine.AnswerTo(prompt, 12), pieces.TokensOf());
        var live = cluster.Router.Context.Feed.RequestsSince(0)[^1];
        Assert.Equal((false, 0, "done"), (live.FirstTokenAhead, live.Failovers, live.State));
        if (what == "hangs") await Wait.UntilAsync(() => prefill.Aborted == 1, "the prompt is given up when the answer is complete");
    }

    [Fact]
    public async Task It_is_not_sent_where_the_decode_engine_will_not_ask()
    {
        await using var cluster = await Cluster.StartAsync();
        var (prefill, decode) = await StartAsync(cluster);
        // Nothing of it is new: all but the last block was sent to the decode engine before.
        var known = Tokenizer.Encode("In the beginning God created the heaven and the earth.");
        await AskAsync(known);
        decode.Places = request => request.Prompt.Length == known.Length ? decode.Announcement.Name : prefill.Announcement.Name;
        await AskAsync(known);
        Assert.Single(prefill.Prompts);
        // That it had it itself says nothing about the next one.
        await AskAsync(Tokenizer.Encode("And the earth was without form, and void; and darkness was upon the face of the deep."));
        Assert.Equal(2, prefill.Prompts.Count);
        // The decode engine computes them itself now, as it says of the next one.
        decode.Places = request => decode.Announcement.Name;
        prefill.AheadTime = Timeout.InfiniteTimeSpan;
        using var allowed = new SemaphoreSlim(0);
        decode.Allowed = allowed;
        var asking = AskAsync(Tokenizer.Encode("And God said, Let there be light: and there was light."));
        await Wait.UntilAsync(() => prefill.Aborted == 1, "a prompt that is computed elsewhere is given up, before there is a token of it");
        allowed.Release(100);
        await asking;
        await AskAsync(Tokenizer.Encode("And God saw the light, that it was good."));
        Assert.Equal(3, prefill.Prompts.Count);
        Assert.Equal("", decode.Requests.Last().Ahead);

        async Task AskAsync(int[] prompt)
        {
            var (status, body) = await cluster.Http.CompleteAsync(new { prompt, max_tokens = 4, return_token_ids = true });
            Assert.True(status == HttpStatusCode.OK, body.ToJsonString());
            Assert.Equal(ScriptedEngine.AnswerTo(prompt, 4), new[] { body }.TokensOf());
        }
    }

    [Fact]
    public async Task It_is_not_sent_if_the_router_was_told_so_nor_to_an_engine_that_answers_itself()
    {
        await using (var cluster = await Cluster.StartAsync(Cluster.Options with { SendsAhead = false }))
        {
            var (prefill, decode) = await StartAsync(cluster);
            await cluster.Http.CompleteAsync(new { prompt = "In the beginning God created the heaven", max_tokens = 4 });
            Assert.Empty(prefill.Prompts);
            Assert.Equal("", decode.Requests.Last().Ahead);
        }
        await using (var cluster = await Cluster.StartAsync())
        {
            var both = await cluster.AddAsync(("both-0", EngineRole.Both), ("both-1", EngineRole.Decode));
            for (var i = 0; i < 4; i++) await cluster.Http.CompleteAsync(new { prompt = $"{i} In the beginning God created the heaven", max_tokens = 4 });
            Assert.All(both, engine => Assert.Empty(engine.Prompts));
        }
    }

    [Fact]
    public async Task A_client_that_goes_ends_it_too()
    {
        await using var cluster = await Cluster.StartAsync();
        var (prefill, decode) = await StartAsync(cluster);
        using var allowed = new SemaphoreSlim(0);
        (decode.Allowed, prefill.AheadTime) = (allowed, Timeout.InfiniteTimeSpan);
        using var client = new CancellationTokenSource();
        var asking = cluster.Http.PostAsync(new Uri("/v1/completions", UriKind.Relative), new StringContent("""{"prompt": "In the beginning God created", "max_tokens": 4}""", null, "application/json"), client.Token);
        await Wait.UntilAsync(() => !prefill.Prompts.IsEmpty && decode.Running == 1, "both have it");
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await Wait.UntilAsync(() => prefill.Aborted == 1 && decode is { Aborted: 1, Running: 0 }, "both have been told");
        await Wait.UntilAsync(() => cluster.Router.Context.Workers.Workers.All(worker => worker.Ours == 0), "nothing is left of it");
    }

    [Fact]
    public async Task A_decode_engine_that_fails_after_it_leaves_no_gap_and_repeats_nothing()
    {
        await using var cluster = await Cluster.StartAsync();
        var (prefill, decode) = await StartAsync(cluster);
        var other = new ScriptedEngine("decode-1", EngineRole.Decode);
        await cluster.AddAsync(other);
        await cluster.AliveAsync();
        foreach (var engine in (ScriptedEngine[])[decode, other]) engine.FailIf = request => request.Id.EndsWith(".0", StringComparison.Ordinal) ? 0 : int.MaxValue; // before its own first token
        decode.TokenTime = other.TokenTime = TimeSpan.Zero;
        for (var i = 0; i < 20; i++)
        {
            var prompt = Tokenizer.Encode($"{i}: In the beginning God created");
            var (pieces, done) = await cluster.Http.StreamAsync(new { prompt, max_tokens = 12, stream = true, return_token_ids = true });
            Assert.True(done);
            Assert.Equal(ScriptedEngine.AnswerTo(prompt, 12), pieces.TokensOf());
        }
        Assert.NotEmpty(prefill.Prompts);
    }

    /// <summary>Before a decode engine has taken the request its client is told nothing: it may still be refused.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_refusal_that_comes_after_the_token_is_a_refusal(bool another)
    {
        await using var cluster = await Cluster.StartAsync();
        var (prefill, decode) = await StartAsync(cluster);
        (decode.TakeTime, decode.Refusal) = (TimeSpan.FromMilliseconds(300), new EngineBusyException(isFull: true, "scripted"));
        ScriptedEngine? other = null;
        if (another)
        {
            // It has more to do, and so is not the first one to be asked.
            await cluster.AddAsync(other = new ScriptedEngine("decode-1", EngineRole.Decode) { Waiting = 20 });
            await cluster.AliveAsync();
        }
        var prompt = Tokenizer.Encode("In the beginning God created");
        var (status, body) = await cluster.Http.CompleteAsync(new { prompt, max_tokens = 1, return_token_ids = true });
        Assert.NotEmpty(prefill.Prompts);
        if (!another) Assert.Equal((HttpStatusCode.TooManyRequests, "full"), (status, (string?)body["error"]!["code"]));
        else Assert.True(status == HttpStatusCode.OK && new[] { body }.TokensOf().SequenceEqual(ScriptedEngine.AnswerTo(prompt, 1)), body.ToJsonString());
        if (another) Assert.Empty(Assert.Single(other!.Requests).Emitted);
        Assert.DoesNotContain("""nixl_router_first_tokens_total{from="prefill"}""", await cluster.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    /// <summary>It would be the answer of no engine: a client is not given half of it as if it were one.</summary>
    [Fact]
    public async Task Another_first_token_than_the_decode_engines_ends_the_attempt()
    {
        await using var cluster = await Cluster.StartAsync();
        var (prefill, decode) = await StartAsync(cluster);
        var prompt = Tokenizer.Encode("In the beginning God created");
        var wrong = ScriptedEngine.AnswerTo(prompt, 1)[0] ^ 1;
        prefill.Ahead = _ => wrong;
        decode.TokenTime = TimeSpan.FromMilliseconds(200); // after it
        decode.Checks = false; // it would go on behind whatever the client has
        var (pieces, done) = await cluster.Http.StreamAsync(new { prompt, max_tokens = 4, stream = true, return_token_ids = true });
        Assert.True(done);
        // The next attempt goes on behind what the client has, as after each failure: it is a valid answer of the engine that computed that.
        Assert.Equal(wrong, pieces.TokensOf()[0]);
        Assert.Equal([wrong], decode.Requests.Last().Emitted);
        Assert.Contains("the client has", Assert.Single(cluster.Router.Context.Feed.LogSince(0), line => line.Kind == LogKind.Failover).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_time_line_of_it_has_no_gap_and_nothing_twice()
    {
        var feed = new LiveFeed();
        var trace = feed.Begin("r", "prompt", 40, 4);
        var at = Clock.Now;
        trace.Sent("decode-0");
        trace.On(new QueuedEvent(at + 5, 0));
        trace.On(new PrefillEvent(at + 6, "prefill-0", "why"));
        trace.On(new FirstTokenEvent(at + 20, 7));
        trace.On(new ArrivedEvent(at + 30, 4096, 1, 15, 10, 4) { PrefillAskedAt = at + 4 });
        trace.On(new TokenEvent(at + 31, 7, ""));
        trace.On(new TokenEvent(at + 33, 8, ""));
        var request = feed.RequestsSince(0).Single();
        Assert.Equal((at + 20, 2, true), (request.FirstToken, request.Tokens, request.FirstTokenAhead));
        var spans = request.Spans.Select(span => (span.Kind, Start: Math.Round(span.Start - at), End: span.End is { } end ? Math.Round(end - at) : -1)).ToArray();
        Assert.Equal(["queued", "prefillQueued", "prefill", "transfer", "decode"], spans.Select(span => span.Kind));
        Assert.Equal([(4, 5), (5, 20), (20, 30), (31, -1)], spans[1..].Select(span => ((int)span.Start, (int)span.End)));
        Assert.Equal(4, spans[0].End);
    }

    /// <summary>A prefill and a decode engine, of which the router has learnt that the one asks the other.</summary>
    private static async Task<(ScriptedEngine Prefill, ScriptedEngine Decode)> StartAsync(Cluster cluster, ScriptedEngine? prefill = null)
    {
        if (prefill is null) await cluster.AddAsync(prefill = new ScriptedEngine("prefill-0", EngineRole.Prefill));
        var decode = new ScriptedEngine("decode-0", EngineRole.Decode);
        await cluster.AddAsync(decode);
        await cluster.AliveAsync();
        var (status, _) = await cluster.Http.CompleteAsync(new { prompt = "Selah.", max_tokens = 2 });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Empty(prefill.Prompts); // of the first one nothing is known yet
        return (prefill, decode);
    }
}
