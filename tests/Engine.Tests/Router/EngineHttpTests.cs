using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>An engine's HTTP host.</summary>
public sealed class EngineHttpTests : IAsyncLifetime, IDisposable
{
    private readonly ScriptedEngine _engine = new("decode-0", EngineRole.Decode);
    private EngineServer _server = null!;
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        _server = await EngineServer.StartAsync(_engine, new IPEndPoint(IPAddress.Loopback, 0));
        _http = new HttpClient { BaseAddress = new Uri(_server.Announcement.Url), Timeout = Wait.Long };
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Every_event_is_a_line_and_comes_at_once()
    {
        using var allowed = new SemaphoreSlim(1);
        _engine.Allowed = allowed;
        using var answer = await SendAsync("""{"id":"r1","prompt":[256,97],"maxTokens":3}""");
        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType!.ToString());
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        List<string> kinds = [];
        while (await reader.ReadLineAsync().WaitAsync(Wait.Long) is { } line)
        {
            var happened = JsonNode.Parse(line)!;
            kinds.Add((string)happened["kind"]!);
            // The next token is not computed before this one has been read: if anything gathered lines, this would never end.
            if (kinds[^1] == "token") allowed.Release();
            Assert.InRange((double)happened["at"]!, 1e12, 1e13);
        }
        Assert.Equal(["queued", "reserved", "prefill", "token", "token", "token", "finished"], kinds);
    }

    [Fact]
    public async Task A_connection_that_closes_aborts_the_request()
    {
        _engine.TokenTime = TimeSpan.FromMilliseconds(50);
        using (var answer = await SendAsync("""{"id":"r1","prompt":[256,97],"maxTokens":300}"""))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            await reader.ReadLineAsync().WaitAsync(Wait.Long);
        }
        await Wait.UntilAsync(() => _engine is { Aborted: 1, Running: 0 }, "the engine has been told");
    }

    [Theory]
    [InlineData("""{"prompt":[1],"maxTokens":3}""", "id")]
    [InlineData("""{"id":"","prompt":[1],"maxTokens":3}""", "id")]
    [InlineData("""{"id":"r","prompt":[],"maxTokens":3}""", "prompt")]
    [InlineData("""{"id":"r","prompt":null,"maxTokens":3}""", "prompt")]
    [InlineData("""{"id":"r","prompt":["a"],"maxTokens":3}""", "prompt")]
    [InlineData("""{"id":"r","prompt":[1],"maxTokens":0}""", "maxTokens")]
    [InlineData("""{"id":"r","prompt":[1],"maxTokens":2,"emitted":[1,2]}""", "emitted")]
    [InlineData("""{"id":"r","prompt":[1],"maxTokens":2,"prefill":["a b"]}""", "prefill")]
    [InlineData("""{"id":"r","prompt":[1],"maxTokens":2,"timeoutSeconds":-1}""", "timeoutSeconds")]
    [InlineData("null", "null")]
    [InlineData("{", "")]
    public async Task A_wrong_request_is_400(string json, string what)
    {
        using var answer = await SendAsync(json);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(what, (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"], StringComparison.Ordinal);
        Assert.Empty(_engine.Requests);
    }

    [Theory]
    [InlineData("""{"prompt":[1]}""", "name")]
    [InlineData("""{"name":"","prompt":[1]}""", "name")]
    [InlineData("""{"name":"a"}""", "prompt")]
    [InlineData("""{"name":"a","prompt":[]}""", "prompt")]
    [InlineData("""{"name":"a","prompt":null}""", "prompt")]
    [InlineData("""{"name":"a","prompt":["a"]}""", "prompt")]
    [InlineData("""{"name":"a","prompt":[1],"timeoutSeconds":0}""", "timeoutSeconds")]
    [InlineData("null", "null")]
    [InlineData("{", "")]
    public async Task A_wrong_prompt_is_400(string json, string what)
    {
        using var answer = await SendAsync(json, "/engine/prefill");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(what, (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"], StringComparison.Ordinal);
        Assert.Empty(_engine.Prompts);
    }

    [Fact]
    public async Task A_prompt_that_is_sent_ahead_is_answered_with_its_token_or_given_up_with_its_connection()
    {
        using (var answer = await SendAsync("""{"name":"a","prompt":[256,97]}""", "/engine/prefill"))
        {
            var happened = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!; // one line, and the end
            Assert.Equal(("first", ScriptedEngine.AnswerTo([256, 97], 1)[0]), ((string)happened["kind"]!, (int)happened["token"]!));
        }
        _engine.AheadTime = Timeout.InfiniteTimeSpan;
        using var gone = new CancellationTokenSource();
        var asking = SendAsync("""{"name":"b","prompt":[256,97]}""", "/engine/prefill", gone.Token);
        await Wait.UntilAsync(() => _engine.Prompts.Count == 2, "it has it");
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await Wait.UntilAsync(() => _engine.Aborted == 1, "the engine has been told");
    }

    [Fact]
    public async Task What_the_engine_says_has_its_status()
    {
        foreach (var (refusal, status) in ((Exception, HttpStatusCode)[])
            [
                (new ArgumentException("too long"), HttpStatusCode.BadRequest), (new EngineBusyException(true, "too many"), HttpStatusCode.TooManyRequests),
                (new EngineBusyException(false, "too early"), HttpStatusCode.ServiceUnavailable),
            ])
        {
            _engine.Refusal = refusal;
            using var answer = await SendAsync("""{"id":"r1","prompt":[1],"maxTokens":3}""");
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal(refusal.Message, (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]);
        }
    }

    [Fact]
    public async Task Peers_status_health_and_drain()
    {
        using var peers = await _http.PutAsJsonAsync("/engine/peers", (EngineAnnouncement[])[_server.Announcement with { Name = "prefill-0", Role = EngineRole.Prefill }], ContractJson.Default.EngineAnnouncementArray);
        Assert.Equal(HttpStatusCode.NoContent, peers.StatusCode);
        Assert.Equal("prefill-0", _engine.Peers.Single().Name);
        using var wrong = await _http.PutAsJsonAsync("/engine/peers", (EngineAnnouncement[])[_server.Announcement with { Url = "x" }], ContractJson.Default.EngineAnnouncementArray);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);

        var status = await _http.GetFromJsonAsync("/engine/status", ContractJson.Default.EngineStatus);
        Assert.Equal(("decode-0", _engine.Incarnation, 512), (status!.Name, status.Incarnation, status.Blocks.Total));
        Assert.Equal("live", await _http.GetStringAsync("/health/live"));
        Assert.Equal("ready", await _http.GetStringAsync("/health/ready"));
        using var drain = await _http.PostAsync("/engine/drain", Client.Nothing);
        Assert.True(_engine.Draining);
        using var ready = await _http.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
    }

    private async Task<HttpResponseMessage> SendAsync(string json, string path = "/engine/generate", CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
    }
}
