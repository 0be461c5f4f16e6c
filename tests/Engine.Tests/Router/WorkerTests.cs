using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Engines that come and go, and which one is chosen.</summary>
public sealed class WorkerTests
{
    [Fact]
    public async Task Engines_join_know_each_other_and_leave()
    {
        await using var cluster = await Cluster.StartAsync();
        var (status, body) = await cluster.Http.CompleteAsync(new { prompt = "a" });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("No decode engine has joined", (string?)body["error"]!["message"], StringComparison.Ordinal);
        Assert.False(cluster.Router.Context.Readiness().Ready);

        var engines = await cluster.AddAsync(("prefill-0", EngineRole.Prefill), ("decode-0", EngineRole.Decode));
        Assert.Equal("decode-0", engines[0].Peers.Single().Name);
        Assert.Equal("prefill-0", engines[1].Peers.Single().Name);
        Assert.Equal("{\"ready\":true,\"reason\":\"\"}", await cluster.Http.GetStringAsync("/health/ready"));
        Assert.Equal(HttpStatusCode.OK, (await cluster.Http.CompleteAsync(new { prompt = "a" })).Status);
        Assert.Equal(["prefill-0"], engines[1].Requests.Single().Prefill);

        var second = await cluster.AddAsync(new ScriptedEngine("prefill-1", EngineRole.Prefill));
        await cluster.AliveAsync();
        Assert.Equal(["prefill-0", "prefill-1"], engines[1].Peers.Select(peer => peer.Name));
        await second.LeaveAsync();
        await Wait.UntilAsync(() => engines[1].Peers.Count == 1, "the decode engine knows that it has left");
    }

    [Fact]
    public async Task Readiness_wants_a_decode_engine_that_is_connected_and_warm()
    {
        await using var cluster = await Cluster.StartAsync();
        var decode = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode) { Ready = false });
        await Wait.UntilAsync(() => cluster.Find(decode)?.Status is not null, "the decode engine is known");
        using (var answer = await cluster.Http.GetAsync("/health/ready"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("not warm yet", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        decode.Engine.Ready = true;
        await Wait.UntilAsync(() => cluster.Router.Context.Readiness().Ready, "ready");
        await cluster.AddAsync(new ScriptedEngine("prefill-0", EngineRole.Prefill) { Ready = false });
        await Wait.UntilAsync(() => cluster.Router.Context.Readiness().Reason.Contains("connected to a prefill engine", StringComparison.Ordinal), "not ready without the prefill engine");
        decode.Engine.Drain();
        await Wait.UntilAsync(() => cluster.Router.Context.Readiness().Reason.Contains("drains", StringComparison.Ordinal), "not ready while it drains");
    }

    [Fact]
    public async Task A_name_that_a_living_engine_has_is_refused_and_a_restart_is_not()
    {
        await using var cluster = await Cluster.StartAsync();
        var first = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode));
        await cluster.AliveAsync();
        using var taken = await cluster.Http.PostAsJsonAsync("/workers", Announcement("decode-0", "http://127.0.0.1:9"));
        Assert.Equal(HttpStatusCode.Conflict, taken.StatusCode);
        Assert.Contains("living engine", await taken.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        await first.StopAnnouncingAsync();
        await first.KillAsync();
        var second = await cluster.AddAsync(new ScriptedEngine("decode-0", EngineRole.Decode));
        await Wait.UntilAsync(() => cluster.Find(second)?.State == WorkerState.Alive, "the restarted engine is alive");
        Assert.Single(cluster.Router.Context.Workers.Workers);
        // A farewell of the first life, which comes late, is not the second one's.
        using var late = await cluster.Http.DeleteAsync($"/workers/decode-0?incarnation={first.Engine.Incarnation}");
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
        Assert.Single(cluster.Router.Context.Workers.Workers);
    }

    [Fact]
    public async Task Metrics_forget_what_is_no_more()
    {
        await using var cluster = await Cluster.StartAsync();
        await cluster.AddAsync(("decode-0", EngineRole.Decode));
        var peer = await cluster.AddAsync(new ScriptedEngine("prefill-0", EngineRole.Prefill));
        var turning = await cluster.AddAsync(new ScriptedEngine("turning", EngineRole.Prefill));
        await cluster.AliveAsync();
        await MetricsAsync(cluster, [
            "nixl_engine_up{engine=\"turning\",role=\"prefill\"} 1", "nixl_engine_received_bytes{engine=\"decode-0\",from=\"prefill-0\"}",
            "nixl_engine_prefills{engine=\"decode-0\",reason=\"remote: faster\"} 0"]);
        await peer.LeaveAsync();
        await turning.StopAnnouncingAsync();
        await turning.KillAsync();
        var turned = await cluster.AddAsync(new ScriptedEngine("turning", EngineRole.Decode));
        await Wait.UntilAsync(() => cluster.Find(turned) is { TakesRequests: true }
            && cluster.Router.Context.Workers.Workers.All(worker => worker.Status?.Peers.Length == 0), "it is another engine now, and all know it");
        var metrics = await MetricsAsync(cluster, ["nixl_engine_up{engine=\"turning\",role=\"decode\"} 1"]);
        Assert.DoesNotContain("nixl_engine_up{engine=\"turning\",role=\"prefill\"}", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("from=\"prefill-0\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exit_is_told_to_the_others_and_only_of_the_life_that_is_meant()
    {
        await using var cluster = await Cluster.StartAsync();
        var gone = await cluster.AddAsync(new ScriptedEngine("prefill-0", EngineRole.Prefill));
        var others = await cluster.AddAsync(("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        using (var living = await cluster.Http.PostAsync($"/workers/prefill-0/exited?process={gone.Engine.ProcessId}", Client.Nothing)) Assert.Equal(HttpStatusCode.NotFound, living.StatusCode);
        Assert.All(others, other => Assert.Empty(other.Exited));
        await gone.StopAnnouncingAsync();
        await gone.KillAsync();
        foreach (var (query, expected) in ((string, HttpStatusCode)[])[
            ("prefill-0/exited", HttpStatusCode.BadRequest), ("prefill-0/exited?process=0", HttpStatusCode.BadRequest), ("prefill-0/exited?process=-1", HttpStatusCode.BadRequest),
            ($"prefill-0/exited?process={gone.Engine.ProcessId + 1}", HttpStatusCode.NotFound), ($"prefill-9/exited?process={gone.Engine.ProcessId}", HttpStatusCode.NotFound)])
        {
            using var answer = await cluster.Http.PostAsync($"/workers/{query}", Client.Nothing);
            Assert.Equal(expected, answer.StatusCode);
        }
        Assert.All(others, other => Assert.Empty(other.Exited));
        using var told = await cluster.Http.PostAsync($"/workers/prefill-0/exited?process={gone.Engine.ProcessId}", Client.Nothing);
        Assert.Equal(HttpStatusCode.NoContent, told.StatusCode);
        // Who does not answer in time is told later, and one whose answer came too late is told twice.
        await Wait.UntilAsync(() => others.All(other => !other.Exited.IsEmpty), "the others have been told");
        Assert.All(others, other => Assert.All(other.Exited, incarnation => Assert.Equal(gone.Engine.Incarnation, incarnation)));
        await Wait.UntilAsync(() => others.All(other => other.Peers.All(peer => peer.Name != "prefill-0")), "the others' lists are without it");
        // Who comes later, or was forgotten meanwhile, is told as well.
        var later = await cluster.AddAsync(new ScriptedEngine("decode-2", EngineRole.Decode));
        await Wait.UntilAsync(() => later.Engine.Exited.Contains(gone.Engine.Incarnation), "who joins later knows");
    }

    [Fact]
    public async Task An_engine_of_another_model_and_nonsense_are_refused()
    {
        await using var cluster = await Cluster.StartAsync();
        await cluster.AddAsync(("decode-0", EngineRole.Decode));
        using var other = await cluster.Http.PostAsJsonAsync("/workers", Announcement("decode-1", "http://127.0.0.1:9", model: "model-2"));
        Assert.Equal(HttpStatusCode.Conflict, other.StatusCode);
        foreach (var (wrong, what) in ((JsonNode, string)[])
            [
                (Announcement("a/b", "http://127.0.0.1:9"), "name"), (Announcement("a", "file:///etc/passwd"), "url"), (Announcement("a", "http://x/path"), "url"),
                (Announcement("a", "http://127.0.0.1:9", role: "king"), ""), (Announcement("a", "http://127.0.0.1:9", model: ""), "model"), (JsonNode.Parse("{}")!, ""),
                (Announcement("a", "http://127.0.0.1:9", agent: new string('a', 10_000)), "agent"), (Announcement("a", "http://127.0.0.1:9", host: new string('h', 10_000)), "host"),
                (Announcement("a", $"http://{new string('u', 10_000)}:9"), "url"),
            ])
        {
            using var refused = await cluster.Http.PostAsJsonAsync("/workers", wrong);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains(what, (string?)JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["error"], StringComparison.Ordinal);
        }
        Assert.Single(cluster.Router.Context.Workers.Workers);
    }

    [Fact]
    public async Task Full_is_429_with_a_reason_and_another_engine_is_tried_first()
    {
        await using var cluster = await Cluster.StartAsync();
        var engines = await cluster.AddAsync(("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        engines[0].Refusal = new EngineBusyException(true, "its queue has 64 requests, its limit");
        for (var i = 0; i < 4; i++) Assert.Equal(HttpStatusCode.OK, (await cluster.Http.CompleteAsync(new { prompt = "a" })).Status);
        engines[1].Refusal = new EngineBusyException(false, "it drains");
        using var full = await cluster.Http.PostAsJsonAsync("/v1/completions", new { prompt = "a" });
        Assert.Equal(HttpStatusCode.TooManyRequests, full.StatusCode);
        Assert.Equal("1", full.Headers.RetryAfter!.ToString());
        Assert.Contains("its queue has 64 requests", await full.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        engines[0].Refusal = new EngineBusyException(false, "it drains");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await cluster.Http.CompleteAsync(new { prompt = "a" })).Status);
        engines[0].Refusal = new ArgumentException("600 positions are more than 512");
        var (status, body) = await cluster.Http.CompleteAsync(new { prompt = "a" });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("600 positions", (string?)body["error"]!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_routers_own_limit_is_429()
    {
        await using var cluster = await Cluster.StartAsync(Cluster.Options with { Queue = 3 });
        var engine = (await cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        engine.TokenTime = TimeSpan.FromMilliseconds(50);
        var running = Enumerable.Range(0, 3).Select(_ => cluster.Http.CompleteAsync(new { prompt = "a", max_tokens = 40 })).ToArray();
        await Wait.UntilAsync(() => engine.Running == 3, "three requests run");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await cluster.Http.CompleteAsync(new { prompt = "a" })).Status);
        Assert.All(await Task.WhenAll(running), answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Equal(HttpStatusCode.OK, (await cluster.Http.CompleteAsync(new { prompt = (string[])["a", "b", "c"] })).Status);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await cluster.Http.CompleteAsync(new { prompt = (string[])["a", "b", "c", "d"] })).Status);
        Assert.Contains("nixl_router_refusals_total{reason=\"full\"} 2", await cluster.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_goes_where_its_prefix_is_and_others_where_there_is_least_to_do()
    {
        await using var cluster = await Cluster.StartAsync();
        var engines = await cluster.AddAsync(("prefill-0", EngineRole.Prefill), ("prefill-1", EngineRole.Prefill), ("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode));
        var decodes = engines[2..];
        var prompts = Enumerable.Range(0, 6).Select(i => new string((char)('a' + i), 200)).ToArray();
        foreach (var prompt in prompts) await cluster.Http.CompleteAsync(new { prompt, max_tokens = 2 });
        Assert.All(decodes, engine => Assert.Equal(3, engine.Requests.Count)); // in turns
        // The same beginnings again, with another end: each to where it was, as its first prefill engine also.
        foreach (var prompt in prompts.Reverse())
        {
            await cluster.Http.CompleteAsync(new { prompt = prompt + "!", max_tokens = 2 });
            var where = decodes.Single(engine => engine.Requests.Any(request => request.Prompt.Length == 202 && request.Prompt[1] == prompt[0]));
            Assert.Contains(where.Requests, request => request.Prompt.Length == 201 && request.Prompt[1] == prompt[0]);
            var pair = where.Requests.Where(request => request.Prompt[1] == prompt[0]).ToArray();
            Assert.Equal(pair[0].Prefill[0], pair[1].Prefill[0]);
        }
        // A prefix is not worth any queue.
        var busy = decodes.Single(engine => engine.Requests.Any(request => request.Prompt[1] == 'a'));
        busy.Waiting = 40;
        await Wait.UntilAsync(() => cluster.Router.Context.Workers.Workers.Any(worker => worker.Load >= 40), "the queue is known");
        var count = busy.Requests.Count;
        await cluster.Http.CompleteAsync(new { prompt = prompts[0] + "?", max_tokens = 2 });
        Assert.Equal(count, busy.Requests.Count);
    }

    [Fact]
    public async Task Requests_at_once_are_spread()
    {
        await using var cluster = await Cluster.StartAsync();
        var engines = await cluster.AddAsync(("decode-0", EngineRole.Decode), ("decode-1", EngineRole.Decode), ("decode-2", EngineRole.Decode));
        foreach (var engine in engines) engine.TokenTime = TimeSpan.FromMilliseconds(50);
        await Task.WhenAll(Enumerable.Range(0, 30).Select(i => cluster.Http.CompleteAsync(new { prompt = "same for all", max_tokens = 30 })));
        Assert.All(engines, engine => Assert.InRange(engine.Requests.Count, 6, 14));
    }

    [Fact]
    public void A_prefix_index_is_bounded_and_forgets_the_ends_first()
    {
        var index = new PrefixIndex(capacity: 8);
        var first = PrefixIndex.HashesOf([.. Enumerable.Range(0, 100)], 16);
        Assert.Equal(6, first.Length);
        Assert.Equal(0, index.Match(first));
        index.Add(first);
        Assert.Equal(6, index.Match(first));
        var second = PrefixIndex.HashesOf([.. Enumerable.Range(5, 64)], 16);
        index.Add(second);
        Assert.Equal((8, 4, 4), (index.Count, index.Match(second), index.Match(first)));
        Assert.Equal(first[..3], PrefixIndex.HashesOf([.. Enumerable.Range(0, 60)], 16)); // the same beginning, the same hashes
    }

    /// <summary>The router's metrics once they have all of this: engines are shown as they were when they were asked last.</summary>
    private static async Task<string> MetricsAsync(Cluster cluster, string[] wanted)
    {
        var metrics = "";
        await Wait.UntilAsync(async () =>
        {
            metrics = await cluster.Http.GetStringAsync("/metrics");
            return wanted.All(series => metrics.Contains(series, StringComparison.Ordinal));
        }, string.Join(", ", wanted));
        return metrics;
    }

    private static JsonNode Announcement(string name, string url, string role = "decode", string model = "model-1", string agent = "a", string host = "h") => JsonNode.Parse(
        $$"""{"name":"{{name}}","role":"{{role}}","incarnation":"i-2","url":"{{url}}","model":"{{model}}","ranks":[{"agent":"{{agent}}","host":"{{host}}","port":1}]}""")!;
}
