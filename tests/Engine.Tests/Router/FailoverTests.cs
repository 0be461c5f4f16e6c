using System.Net;
using System.Net.Http.Json;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Engines that die in the middle of answers: the client gets every token once, in order, whatever happens behind the router.</summary>
public sealed class FailoverTests
{
    private static readonly ByteTokenizer Tokenizer = new();

    [Fact]
    public async Task A_request_waits_for_the_only_engine_if_a_connection_to_it_has_just_broken()
    {
        // On a machine that stands still for seconds the standard of 2 s is not enough.
        await using var cluster = await Cluster.StartAsync(Cluster.Options with { SuspectPatience = Wait.Long });
        var engine = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode));
        await cluster.AliveAsync();
        for (var i = 0; i < 10; i++)
        {
            cluster.Find(engine)!.Broke("its connection broke");
            var (status, body) = await cluster.Http.CompleteAsync(new { prompt = "In the beginning", max_tokens = 4 });
            Assert.True(status == HttpStatusCode.OK, body.ToJsonString());
        }
    }

    [Fact]
    public async Task A_request_for_which_the_only_engine_does_not_come_back_is_refused_before_that_counts_as_dead()
    {
        await using var cluster = await Cluster.StartAsync(Cluster.Options with { SuspectPatience = TimeSpan.FromMilliseconds(500), DeadAfter = 2 * Wait.Long });
        var engine = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode));
        await cluster.AliveAsync();
        await engine.StopAnnouncingAsync();
        await engine.KillAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await cluster.Http.CompleteAsync(new { prompt = "In the beginning", max_tokens = 4 })).Status);
    }

    [Fact]
    public async Task A_connection_that_is_cut_anywhere_leaves_no_gap_and_repeats_nothing()
    {
        await using var cluster = await Cluster.StartAsync();
        List<CutProxy> proxies = [];
        int? cut = null;
        foreach (var name in (string[])["decode-0", "decode-1"])
            await cluster.AddAsync(new ScriptedEngine(name, EngineRole.Decode) { TokenTime = TimeSpan.Zero }, url =>
            {
                proxies.Add(new CutProxy(url, () =>
                {
                    var now = cut;
                    cut = null; // the first engine of each request is cut, the second one is not
                    return now;
                }));
                return proxies[^1].Url;
            });
        await cluster.AliveAsync();
        var prompt = Tokenizer.Encode("In the beginning");
        var expected = ScriptedEngine.AnswerTo(prompt, 28);
        var before = cluster.Router.Context.Metrics.Failovers;
        var cuts = 0;
        // From within the head of the answer to behind its last token; prime steps meet every place in a line.
        for (var at = 97; at < 3400; at += 97)
        {
            await cluster.AliveAsync();
            cut = at;
            var (pieces, done) = await cluster.Http.StreamAsync(new { prompt, max_tokens = 28, stream = true, return_token_ids = true });
            Assert.True(done);
            Assert.Equal(expected, pieces.TokensOf());
            Assert.Equal(Tokenizer.Decode(expected), pieces.TextOf());
            cuts++;
        }
        Assert.Null(cut);
        Assert.True(cluster.Router.Context.Metrics.Failovers - before > cuts / 2, $"{cluster.Router.Context.Metrics.Failovers - before} fail-overs");
        foreach (var proxy in proxies) proxy.Dispose();
    }

    [Fact]
    public async Task A_failure_after_each_number_of_tokens_goes_on_elsewhere_also_in_the_middle_of_a_character()
    {
        await using var cluster = await Cluster.StartAsync();
        var engines = await cluster.AddAsync(("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        foreach (var engine in engines) engine.TokenTime = TimeSpan.Zero;
        const string Prompt = "a";
        var expected = ScriptedEngine.AnswerTo(Tokenizer.Encode(Prompt), 40);
        for (var after = 0; after < 40; after++)
        {
            // Each engine gives so many tokens at most, and dies of the next one, again and again. None at all: the other one does everything.
            engines[0].FailAfter = after;
            engines[1].FailAfter = after == 0 ? int.MaxValue : after;
            var (status, body) = await cluster.Http.CompleteAsync(new { prompt = Prompt, max_tokens = 40, return_token_ids = true });
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.Equal(expected, body["choices"]![0]!["token_ids"]!.AsArray().Select(token => (int)token!));
            Assert.Equal(Tokenizer.Decode(expected), (string?)body["choices"]![0]!["text"]);
            Assert.Equal(40, (int)body["usage"]!["completion_tokens"]!);
        }
    }

    [Fact]
    public async Task An_engine_whose_last_words_are_missing_has_still_answered()
    {
        await using var cluster = await Cluster.StartAsync();
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        engine.FailAfter = 10; // after the last token, before its end
        var (_, body) = await cluster.Http.CompleteAsync(new { prompt = "a", max_tokens = 10 });
        Assert.Equal("length", (string?)body["choices"]![0]!["finish_reason"]);
        Assert.Single(engine.Requests);
    }

    [Fact]
    public async Task What_no_engine_can_repair_fails_and_a_stream_that_fails_is_not_done()
    {
        await using var cluster = await Cluster.StartAsync();
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        (engine.FailAfter, engine.CanRetry) = (3, false);
        var (status, body) = await cluster.Http.CompleteAsync(new { prompt = "a" });
        Assert.Equal(HttpStatusCode.BadGateway, status);
        Assert.Contains("scripted failure", (string?)body["error"]!["message"], StringComparison.Ordinal);
        var (pieces, done) = await cluster.Http.StreamAsync(new { prompt = "a", stream = true });
        Assert.False(done);
        Assert.Equal("engine_failed", (string?)pieces[^1]["error"]!["code"]);
    }

    [Fact]
    public async Task One_choice_that_fails_ends_the_others()
    {
        await using var cluster = await Cluster.StartAsync();
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        (engine.CanRetry, engine.TokenTime) = (false, TimeSpan.FromMilliseconds(20));
        engine.FailIf = request => request.Prompt[^1] == 'b' ? 3 : int.MaxValue;
        foreach (var stream in (bool[])[false, true])
        {
            using var answer = await cluster.Http.PostAsJsonAsync("/v1/completions", new { prompt = (string[])["a", "b", "c"], max_tokens = 400, timeout = 100, stream });
            Assert.Contains("scripted failure", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            await Wait.UntilAsync(() => engine.Running == 0, "nothing runs any more");
        }
        Assert.InRange(engine.Aborted, 4, 6); // the one that failed may count as well: its connection closes at the same moment
        Assert.Equal(0, engine.Finished);
    }

    [Fact]
    public async Task An_engine_that_always_fails_is_not_asked_for_ever()
    {
        await using var cluster = await Cluster.StartAsync();
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        engine.FailAfter = 0;
        var (status, _) = await cluster.Http.CompleteAsync(new { prompt = "a" });
        Assert.Equal(HttpStatusCode.BadGateway, status);
        Assert.InRange(engine.Requests.Count, 2, 20);
    }

    [Fact]
    public async Task An_answer_waits_for_an_engine_to_come_back()
    {
        await using var cluster = await Cluster.StartAsync();
        var first = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode) { TokenTime = TimeSpan.FromMilliseconds(20) });
        await cluster.AliveAsync();
        var began = new TaskCompletionSource();
        var answer = cluster.Http.StreamAsync(new { prompt = "a", max_tokens = 60, stream = true, return_token_ids = true }, _ => began.TrySetResult());
        await began.Task.WaitAsync(Wait.Long);
        await first.DisposeAsync();
        await Wait.UntilAsync(() => cluster.Router.Context.Workers.Workers.Length == 0, "the router knows no engine");
        var refused = await cluster.Http.CompleteAsync(new { prompt = "b" });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Status);
        await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode)); // the same name, another life
        var (pieces, done) = await answer.WaitAsync(Wait.Long);
        Assert.True(done);
        Assert.Equal(ScriptedEngine.AnswerTo(Tokenizer.Encode("a"), 60), pieces.TokensOf());
    }

    [Fact]
    public async Task A_silent_engine_is_dead_and_its_answers_go_on_elsewhere_until_it_comes_back()
    {
        await using var cluster = await Cluster.StartAsync(Cluster.Options with { DeadAfter = TimeSpan.FromSeconds(3) });
        var silent = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode) { TokenTime = TimeSpan.FromMinutes(5) });
        await cluster.AliveAsync();
        var answer = cluster.Http.CompleteAsync(new { prompt = "a", return_token_ids = true });
        await Wait.UntilAsync(() => silent.Engine.Running == 1, "the engine has the request");
        // Its announcements stop; its connection stays, and says nothing.
        await silent.StopAnnouncingAsync();
        await Wait.UntilAsync(() => cluster.Find(silent)?.State == WorkerState.Dead, "the silent engine is dead");
        await cluster.AddAsync(new ScriptedEngine("decode-1", EngineRole.Decode));
        var (status, body) = await answer.WaitAsync(Wait.Long);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(ScriptedEngine.AnswerTo(Tokenizer.Encode("a"), 16), body["choices"]![0]!["token_ids"]!.AsArray().Select(token => (int)token!));
        await Wait.UntilAsync(() => silent.Engine.Aborted == 1, "the request has been aborted at the silent engine");
        silent.AnnounceAgain();
        await Wait.UntilAsync(() => cluster.Find(silent)?.State == WorkerState.Alive, "the engine is back");
    }

    [Fact]
    public async Task Failovers_are_counted_and_logged()
    {
        await using var cluster = await Cluster.StartAsync();
        var engines = await cluster.AddAsync(("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        engines[0].FailAfter = 3;
        engines[1].FailAfter = 3;
        await cluster.Http.CompleteAsync(new { prompt = "a", max_tokens = 5 });
        Assert.Equal(1, cluster.Router.Context.Metrics.Failovers);
        Assert.Contains(cluster.Router.Context.Feed.LogSince(0), line => line.Kind == LogKind.Failover && line.Text.Contains("scripted failure", StringComparison.Ordinal));
        Assert.Equal(1, cluster.Router.Context.Feed.RequestsSince(0)[0].Failovers);
        var metrics = await cluster.Http.GetStringAsync("/metrics");
        Assert.Contains("nixl_router_failovers_total{role=\"decode\"} 1", metrics, StringComparison.Ordinal);
    }
}
