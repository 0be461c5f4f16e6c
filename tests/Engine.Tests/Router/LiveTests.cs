using System.Net;
using System.Text.Json.Nodes;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>What the live page is told, and the files that it is made of.</summary>
public sealed class LiveTests
{
    [Fact]
    public async Task The_page_gets_everything_first_and_then_what_changes()
    {
        await using var cluster = await Cluster.StartAsync();
        await cluster.AddAsync(("prefill-0", EngineRole.Prefill), ("decode-0", EngineRole.Decode));
        await cluster.Http.CompleteAsync(new { prompt = "first", max_tokens = 5 });
        using var events = await cluster.Http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", events.Content.Headers.ContentType!.ToString());
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
        var first = await NextAsync(reader);
        Assert.True((bool)first["full"]!);
        Assert.Equal(["prefill-0", "decode-0"], first["engines"]!.AsArray().Select(engine => (string?)engine!["name"]));
        Assert.Equal(2, (int)first["engines"]![1]!["blocks"]!["quarantined"]!);
        var request = first["requests"]!.AsArray().Single()!;
        Assert.Equal(("first", "done", "decode-0", "prefill-0"), ((string?)request["prompt"], (string?)request["state"], (string?)request["decode"], (string?)request["prefill"]));
        Assert.Equal(["queued", "prefillQueued", "prefill", "transfer", "decode"], request["spans"]!.AsArray().Select(span => (string?)span!["kind"]));
        Assert.Equal(4, request["layers"]!.AsArray().Count);
        foreach (var span in request["spans"]!.AsArray()) Assert.InRange((double)span!["end"]! - (double)span["start"]!, 0, 60_000);

        await cluster.Http.CompleteAsync(new { prompt = "second", max_tokens = 5 });
        JsonNode? second = null;
        while (second is null)
        {
            var frame = await NextAsync(reader);
            Assert.False((bool)frame["full"]!);
            Assert.DoesNotContain(frame["requests"]!.AsArray(), changed => (string?)changed!["prompt"] == "first");
            second = frame["requests"]!.AsArray().FirstOrDefault(changed => (string?)changed!["prompt"] == "second" && (string?)changed["state"] == "done");
        }
    }

    [Fact]
    public async Task Rates_are_differences_and_a_new_life_counts_from_zero()
    {
        var feed = new LiveFeed();
        var rates = new LinkRates(feed);
        await using var engine = new ScriptedEngine("decode-0", EngineRole.Decode);
        void Add(string life, long bytes) => rates.Add(engine.GetStatus() with { Peers = [new EnginePeer("prefill-0", life, "connected", "", "local", bytes, 1, 0)] });
        Add("a", 1000);
        await Task.Delay(20);
        Add("a", 5000);
        await Task.Delay(20);
        Add("b", 300);
        var link = rates.Since(0).Single();
        Assert.Equal(5300, link.Bytes);
        Assert.Equal(3, link.Rate.Length);
        Assert.Equal(0, link.Rate[0]);
        Assert.True(link.Rate[1] > link.Rate[2] && link.Rate[2] > 0);
        Assert.Empty(rates.Since(feed.Version));
    }

    [Fact]
    public async Task Pairs_of_which_nobody_speaks_any_more_make_room()
    {
        var rates = new LinkRates(new LiveFeed());
        await using var engine = new ScriptedEngine("decode-0", EngineRole.Decode);
        void Add(string peer, double now) => rates.Add(engine.GetStatus() with { Peers = [new EnginePeer(peer, "a", "connected", "", "local", 1, 1, 0), new EnginePeer("stays", "a", "connected", "", "local", now > 1 ? 9 : 1, 1, 0)] }, now);
        for (var i = 0; i < 1100; i++) Add($"prefill-{i}", 1 + (i / 1e6));
        Assert.Equal(1024, rates.Since(0).Length);
        Add("new", 30_000);
        Assert.DoesNotContain(rates.Since(0), link => link.From == "new");
        Add("new", 61_000);
        Assert.Equal(["new", "stays"], rates.Since(0).Select(link => link.From).Order(StringComparer.Ordinal));
        Assert.Equal(9, rates.Since(0).Single(link => link.From == "stays").Bytes);
    }

    [Fact]
    public void The_feed_is_bounded()
    {
        var feed = new LiveFeed();
        for (var i = 0; i < 1000; i++)
        {
            feed.Log(LogKind.Failure, $"line {i}");
            var trace = feed.Begin($"r{i}", new string('x', 5000), 1, 1);
            for (var j = 0; j < 100; j++) trace.FailedOver("again");
            for (var j = 0; j < 1000 && i == 0; j++) trace.On(new LayerEvent(j, j));
        }
        Assert.Equal(200, feed.LogSince(0).Length);
        var requests = feed.RequestsSince(0);
        Assert.Equal(60, requests.Length);
        Assert.All(requests, request => Assert.True(request.Prompt.Length < 200 && request.Spans.Length <= 64 && request.Layers.Length <= 256));
        Assert.Equal("r999", requests[^1].Id);
    }

    [Fact]
    public async Task Too_many_pages_are_refused_and_one_that_closes_makes_room()
    {
        await using var cluster = await Cluster.StartAsync();
        List<HttpResponseMessage> pages = [];
        for (var i = 0; i < 32; i++) pages.Add(await cluster.Http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead));
        using (var refused = await cluster.Http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        foreach (var page in pages) page.Dispose();
        HttpStatusCode status;
        var end = DateTime.UtcNow + Wait.Long;
        do
        {
            using var again = await cluster.Http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead);
            status = again.StatusCode;
        }
        while (status != HttpStatusCode.OK && DateTime.UtcNow < end);
        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task The_pages_files_have_their_types_and_a_strict_policy()
    {
        await using var cluster = await Cluster.StartAsync();
        foreach (var (path, type) in ((string, string)[])[("/", "text/html"), ("/page.css", "text/css"), ("/app.js", "text/javascript"), ("/favicon.svg", "image/svg+xml")])
        {
            using var answer = await cluster.Http.GetAsync(path);
            Assert.Equal(type, answer.Content.Headers.ContentType!.MediaType);
            Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
            using var again = new HttpRequestMessage(HttpMethod.Get, path);
            again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
            using var same = await cluster.Http.SendAsync(again);
            Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.DoesNotContain("innerHTML", text, StringComparison.Ordinal);
            Assert.DoesNotContain("https://", text, StringComparison.Ordinal);
        }
    }

    private static async Task<JsonNode> NextAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync().WaitAsync(Wait.Long) is { } line)
            if (line.StartsWith("data: ", StringComparison.Ordinal)) return JsonNode.Parse(line["data: ".Length..])!;
        throw new InvalidOperationException("The events have ended.");
    }
}
