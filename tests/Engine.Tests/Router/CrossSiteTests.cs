using System.Net;
using System.Text;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>What a web page of another site can make a browser send to router and engines: nothing of it does anything.</summary>
public sealed class CrossSiteTests
{
    // What a form or a fetch without a preflight can have, and no body at all.
    private static readonly string?[] SimpleTypes = [null, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];

    [Fact]
    public async Task A_page_changes_nothing()
    {
        await using var cluster = await Cluster.StartAsync();
        var (decode, gone) = (new ScriptedEngine("decode-0", EngineRole.Decode), new ScriptedEngine("decode-1", EngineRole.Decode));
        await cluster.AddAsync(decode);
        var silent = await cluster.AddAsync(gone);
        await cluster.AliveAsync();
        await silent.StopAnnouncingAsync();
        await silent.KillAsync();
        var engine = new Uri(cluster.Router.Context.Workers.Workers[0].Announcement.Url);
        var exited = $"/workers/decode-1/exited?process={gone.ProcessId}";
        foreach (var type in SimpleTypes)
        {
            foreach (var (url, body) in ((Uri, string)[])[
                (new Uri(cluster.Router.Url, "/v1/completions"), """{"prompt": "a"}"""), (new Uri(cluster.Router.Url, "/workers"), "{}"), (new Uri(cluster.Router.Url, exited), ""),
                (new Uri(engine, "/engine/drain"), ""), (new Uri(engine, "/engine/generate"), """{"id":"r","prompt":[1],"maxTokens":3}"""),
                (new Uri(engine, "/engine/prefill"), """{"name":"a","prompt":[1]}"""), (new Uri(engine, "/engine/exited"), "{}")])
                Assert.Equal((HttpStatusCode.UnsupportedMediaType, url), (await SendAsync(cluster.Http, HttpMethod.Post, url, type, type is null ? null : body), url));
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, await SendAsync(cluster.Http, HttpMethod.Put, new Uri(engine, "/engine/peers"), type, type is null ? null : "[]"));
        }
        // JSON, PUT and DELETE need a preflight; it is never granted.
        foreach (var url in (Uri[])[new(cluster.Router.Url, "/v1/completions"), new(cluster.Router.Url, "/workers/decode-0"), new(engine, "/engine/drain"), new(engine, "/engine/peers")])
        {
            using var preflight = new HttpRequestMessage(HttpMethod.Options, url);
            preflight.Headers.Add("Origin", "https://example.org");
            preflight.Headers.Add("Access-Control-Request-Method", "POST");
            preflight.Headers.Add("Access-Control-Request-Headers", "content-type");
            using var answer = await cluster.Http.SendAsync(preflight);
            Assert.False(answer.IsSuccessStatusCode);
            Assert.DoesNotContain(answer.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
        }
        Assert.False(decode.Draining);
        Assert.Empty(decode.Requests);
        Assert.Empty(decode.Prompts);
        Assert.Empty(decode.Exited);
        Assert.Equal(2, cluster.Router.Context.Workers.Workers.Length);

        // The same with the type, as programs send it.
        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(cluster.Http, HttpMethod.Post, new Uri(cluster.Router.Url, exited), "application/json", ""));
        Assert.Equal(HttpStatusCode.NoContent, await SendAsync(cluster.Http, HttpMethod.Post, new Uri(engine, "/engine/drain"), "application/json", null));
        Assert.True(decode.Draining);
    }

    [Theory]
    [InlineData("evil.example", false)]
    [InlineData("evil.example:8080", false)]
    [InlineData("localhost.evil.example", false)]
    [InlineData("127.0.0.1.evil.example", false)]
    [InlineData("127.0.0.1:1", true)]
    [InlineData("[::1]:8080", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("LOCALHOST:8080", true)]
    [InlineData("gpu-7.rack.internal:8080", true)]
    public async Task A_name_that_somebody_has_lead_here_is_not_answered(string host, bool answers)
    {
        await using var router = await RouterServer.StartAsync(Cluster.Options with { Hosts = ["gpu-7.rack.internal"] });
        await using var scripted = new ScriptedEngine("decode-0", EngineRole.Decode);
        await using var engine = await EngineServer.StartAsync(scripted, new IPEndPoint(IPAddress.Loopback, 0), new Uri("http://gpu-7.rack.internal:8080"));
        using var http = new HttpClient { Timeout = Wait.Long };
        foreach (var url in (Uri[])[new(router.Url, "/"), new(router.Url, "/events"), new(router.Url, "/health/live"), new(engine.Listening, "/engine/status")])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Host = host;
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal((answers ? HttpStatusCode.OK : HttpStatusCode.MisdirectedRequest, url), (answer.StatusCode, url));
            if (!answers) Assert.Contains("--host", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    private static async Task<HttpStatusCode> SendAsync(HttpClient http, HttpMethod method, Uri url, string? type, string? body)
    {
        using var request = new HttpRequestMessage(method, url);
        if (type is not null) request.Content = new StringContent(body ?? "", Encoding.UTF8, type);
        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }
}
