using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>OpenAI's completions as a client sees them.</summary>
public sealed class CompletionApiTests(CompletionApiTests.Fixture fixture) : IClassFixture<CompletionApiTests.Fixture>
{
    private static readonly ByteTokenizer Tokenizer = new();

    private readonly HttpClient _http = fixture.Cluster.Http;

    public sealed class Fixture : IAsyncLifetime
    {
        internal Cluster Cluster { get; private set; } = null!;

        internal ScriptedEngine Engine { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Cluster = await Cluster.StartAsync();
            Engine = (await Cluster.AddAsync(("decode-0", EngineRole.Decode)))[0];
        }

        public async Task DisposeAsync() => await Cluster.DisposeAsync();
    }

    [Fact]
    public async Task An_answer_has_OpenAIs_form()
    {
        var (status, body) = await _http.CompleteAsync(new { model = "scripted", prompt = "abc", max_tokens = 30, temperature = 0, seed = 7, user = "me", unknown = new { } });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.StartsWith("cmpl-", (string?)body["id"], StringComparison.Ordinal);
        Assert.Equal("text_completion", (string?)body["object"]);
        Assert.Equal("scripted", (string?)body["model"]);
        var choice = body["choices"]!.AsArray().Single()!;
        Assert.Equal(Tokenizer.Decode(ScriptedEngine.AnswerTo(Tokenizer.Encode("abc"), 30)), (string?)choice["text"]);
        Assert.Equal("length", (string?)choice["finish_reason"]);
        Assert.True(choice.AsObject().ContainsKey("logprobs"));
        Assert.Equal("""{"prompt_tokens":4,"completion_tokens":30,"total_tokens":34,"prompt_tokens_details":{"cached_tokens":16}}""", body["usage"]!.ToJsonString());
    }

    [Fact]
    public async Task A_stream_is_the_same_answer_in_pieces()
    {
        var (pieces, done) = await _http.StreamAsync(new { prompt = "abc", max_tokens = 400, stream = true, stream_options = new { include_usage = true } });
        Assert.True(done);
        var answer = ScriptedEngine.AnswerTo(Tokenizer.Encode("abc"), 400);
        Assert.Equal(Tokenizer.Decode(answer), pieces.TextOf());
        Assert.Equal("stop", (string?)pieces[^2]["choices"]![0]!["finish_reason"]);
        Assert.All(pieces.SkipLast(2), piece => Assert.Null((string?)piece["choices"]![0]!["finish_reason"]));
        Assert.Empty(pieces[^1]["choices"]!.AsArray());
        Assert.Equal(answer.Length, (int)pieces[^1]["usage"]!["completion_tokens"]!);
        Assert.Single(pieces.Select(piece => (string?)piece["id"]).Distinct());
    }

    [Fact]
    public async Task Several_prompts_are_several_choices()
    {
        int[] second = [256, 98, 99];
        foreach (var prompt in (object[])[(object[])["ab", second], (int[][])[Tokenizer.Encode("ab"), second]])
        {
            var (_, body) = await _http.CompleteAsync(new { prompt, max_tokens = 20 });
            Assert.Equal(Text("ab", 20), (string?)body["choices"]![0]!["text"]);
            Assert.Equal(Tokenizer.Decode(ScriptedEngine.AnswerTo(second, 20)), (string?)body["choices"]![1]!["text"]);
            Assert.Equal(1, (int)body["choices"]![1]!["index"]!);
            Assert.Equal(40, (int)body["usage"]!["completion_tokens"]!);
        }
        var (pieces, done) = await _http.StreamAsync(new { prompt = (string[])["ab", "cde", "f"], max_tokens = 20, stream = true });
        Assert.True(done);
        Assert.Equal([Text("ab", 20), Text("cde", 20), Text("f", 20)], Enumerable.Range(0, 3).Select(i => pieces.TextOf(i)));
    }

    [Fact]
    public async Task Echo_puts_the_prompt_before_the_answer()
    {
        var (_, body) = await _http.CompleteAsync(new { prompt = "Größe", max_tokens = 9, echo = true });
        Assert.Equal("Größe" + Text("Größe", 9), (string?)body["choices"]![0]!["text"]);
    }

    [Theory]
    [InlineData("selah")]
    [InlineData("🙂 s")]
    [InlineData("漢字", "never")]
    [InlineData("lah; and", "it was", "so")]
    public async Task A_stop_text_ends_the_answer_and_the_engines_work(params string[] stop)
    {
        var aborted = fixture.Engine.Aborted;
        fixture.Engine.TokenTime = TimeSpan.FromMilliseconds(5);
        var whole = Text("xyz", 400);
        var expected = whole[..stop.Select(one => whole.IndexOf(one, StringComparison.Ordinal)).Where(at => at >= 0).Min()];
        var (_, body) = await _http.CompleteAsync(new { prompt = "xyz", max_tokens = 400, stop });
        Assert.Equal(expected, (string?)body["choices"]![0]!["text"]);
        Assert.Equal("stop", (string?)body["choices"]![0]!["finish_reason"]);
        var (pieces, _) = await _http.StreamAsync(new { prompt = "xyz", max_tokens = 400, stop, stream = true });
        Assert.Equal(expected, pieces.TextOf());
        await Wait.UntilAsync(() => fixture.Engine.Aborted == aborted + 2, "the engine has been told to stop");
        fixture.Engine.TokenTime = TimeSpan.FromMilliseconds(1);
    }

    [Fact]
    public async Task What_only_looks_like_a_stop_text_is_shown()
    {
        var (_, body) = await _http.CompleteAsync(new { prompt = "xyz", max_tokens = 400, stop = (string[])["selahh", "so. ."] });
        Assert.Equal(Text("xyz", 400), (string?)body["choices"]![0]!["text"]);
    }

    [Theory]
    [InlineData("""[]""", "", 400)]
    [InlineData("""{"prompt": "a" """, "", 400)]
    [InlineData("""{}""", "prompt", 400)]
    [InlineData("""{"prompt": 7}""", "prompt", 400)]
    [InlineData("""{"prompt": []}""", "prompt", 400)]
    [InlineData("""{"prompt": [[]]}""", "prompt", 400)]
    [InlineData("""{"prompt": [true]}""", "prompt", 400)]
    [InlineData("""{"prompt": [1, "a"]}""", "prompt", 400)]
    [InlineData("""{"prompt": [258]}""", "prompt", 400)]
    [InlineData("""{"prompt": [-1]}""", "prompt", 400)]
    [InlineData("""{"prompt": [1.5]}""", "prompt", 400)]
    [InlineData("""{"prompt": "\ud800"}""", "prompt", 400)]
    [InlineData("""{"prompt": "a", "stop": "\ud800"}""", "", 400)]
    [InlineData("""{"prompt": "a", "model": "\ud800"}""", "", 400)]
    [InlineData("""{"\ud800": 1, "prompt": "a"}""", "", 400)]
    [InlineData("""{"prompt": "a", "model": "gpt-5"}""", "model", 404)]
    [InlineData("""{"prompt": "a", "model": 5}""", "model", 400)]
    [InlineData("""{"prompt": "a", "max_tokens": 0}""", "max_tokens", 400)]
    [InlineData("""{"prompt": "a", "max_tokens": "many"}""", "max_tokens", 400)]
    [InlineData("""{"prompt": "a", "max_tokens": 1e99}""", "max_tokens", 400)]
    [InlineData("""{"prompt": "a", "temperature": 0.7}""", "temperature", 400)]
    [InlineData("""{"prompt": "a", "temperature": "cold"}""", "temperature", 400)]
    [InlineData("""{"prompt": "a", "n": 2}""", "n", 400)]
    [InlineData("""{"prompt": "a", "best_of": 3}""", "best_of", 400)]
    [InlineData("""{"prompt": "a", "stream": "yes"}""", "stream", 400)]
    [InlineData("""{"prompt": "a", "stream_options": true}""", "stream_options", 400)]
    [InlineData("""{"prompt": "a", "stop": 5}""", "stop", 400)]
    [InlineData("""{"prompt": "a", "stop": ["a", "b", "c", "d", "e"]}""", "stop", 400)]
    [InlineData("""{"prompt": "a", "stop": ""}""", "stop", 400)]
    [InlineData("""{"prompt": "a", "echo": 1}""", "echo", 400)]
    [InlineData("""{"prompt": "a", "seed": "x"}""", "seed", 400)]
    [InlineData("""{"prompt": "a", "user": 1}""", "user", 400)]
    [InlineData("""{"prompt": "a", "logprobs": 3}""", "logprobs", 400)]
    [InlineData("""{"prompt": "a", "presence_penalty": 1}""", "presence_penalty", 400)]
    [InlineData("""{"prompt": "a", "logit_bias": {"5": 1}}""", "logit_bias", 400)]
    [InlineData("""{"prompt": "a", "suffix": "b"}""", "suffix", 400)]
    [InlineData("""{"prompt": "a", "timeout": 0}""", "timeout", 400)]
    [InlineData("""{"prompt": "a", "timeout": 1e9}""", "timeout", 400)]
    public async Task A_wrong_request_is_told_what_is_wrong(string json, string param, int expected)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync("/v1/completions", content);
        Assert.Equal(expected, (int)answer.StatusCode);
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!.AsObject();
        Assert.Equal(["message", "type", "param", "code"], error.Select(field => field.Key));
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
        Assert.NotEmpty((string)error["message"]!);
    }

    [Fact]
    public async Task A_body_that_is_too_long_or_no_json_is_refused()
    {
        using var text = new StringContent("""{"prompt": "a"}""", Encoding.UTF8, "text/plain");
        using var wrongType = await _http.PostAsync("/v1/completions", text);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, wrongType.StatusCode);
        var (status, body) = await _http.CompleteAsync(new { prompt = new string('a', HttpServer.BodyLimit) });
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.NotNull(body["error"]);
        (status, body) = await _http.CompleteAsync(new { prompt = new string('a', 600) });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("context_length_exceeded", (string?)body["error"]!["code"]);
    }

    [Fact]
    public async Task A_prompt_and_its_answer_have_to_fit_the_model_together()
    {
        var prompts = (string[])["a", new string('a', 499)];
        var (status, body) = await _http.CompleteAsync(new { prompt = prompts, max_tokens = 13 });
        Assert.Equal((HttpStatusCode.BadRequest, "max_tokens", "context_length_exceeded"), (status, (string?)body["error"]!["param"], (string?)body["error"]!["code"]));
        Assert.Contains("max_tokens is 13 and a prompt has 500 tokens; the model has 512 positions", (string?)body["error"]!["message"], StringComparison.Ordinal);
        (status, body) = await _http.CompleteAsync(new { prompt = prompts, max_tokens = 12 });
        Assert.Equal((HttpStatusCode.OK, 24), (status, (int)body["usage"]!["completion_tokens"]!));
        (status, body) = await _http.CompleteAsync(new { prompt = prompts }); // as many as there is room for
        Assert.Equal((HttpStatusCode.OK, 24), (status, (int)body["usage"]!["completion_tokens"]!));
    }

    [Fact]
    public async Task Models_are_listed()
    {
        var list = JsonNode.Parse(await _http.GetStringAsync("/v1/models"))!;
        Assert.Equal("scripted", (string?)list["data"]![0]!["id"]);
        Assert.Equal("model", (string?)JsonNode.Parse(await _http.GetStringAsync("/v1/models/scripted"))!["object"]);
        using var other = await _http.GetAsync("/v1/models/other");
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }

    [Fact]
    public async Task A_client_that_goes_ends_its_engines_work()
    {
        fixture.Engine.TokenTime = TimeSpan.FromMilliseconds(50);
        var aborted = fixture.Engine.Aborted;
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(new { prompt = "a", max_tokens = 300, stream = true }) })
        using (var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
            await reader.ReadLineAsync().WaitAsync(Wait.Long);
        }
        await Wait.UntilAsync(() => fixture.Engine.Aborted == aborted + 1 && fixture.Engine.Running == 0, "the engine has stopped");
        fixture.Engine.TokenTime = TimeSpan.FromMilliseconds(1);
        // The engine hears it first, and the router's time line says so then.
        await Wait.UntilAsync(() => fixture.Cluster.Router.Context.Feed.RequestsSince(0)[^1].State == "aborted", "the page shows that it was aborted");
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_nobody_up()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(new { prompt = "slow", max_tokens = 150, stream = true, return_token_ids = true }) };
        using var slow = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var (_, quick) = await _http.CompleteAsync(new { prompt = "quick", max_tokens = 150 });
        Assert.Equal(Text("quick", 150), (string?)quick["choices"]![0]!["text"]);
        await Wait.UntilAsync(() => fixture.Engine.Running == 0, "the engine has answered both");
        var whole = await slow.Content.ReadAsStringAsync().WaitAsync(Wait.Long);
        Assert.EndsWith("data: [DONE]\n\n", whole, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deadline_ends_an_answer_with_a_reason()
    {
        fixture.Engine.TokenTime = TimeSpan.FromMilliseconds(50);
        var (status, body) = await _http.CompleteAsync(new { prompt = "a", max_tokens = 300, timeout = 0.3 });
        Assert.Equal((HttpStatusCode.GatewayTimeout, "timeout"), (status, (string?)body["error"]!["code"]));
        var (pieces, done) = await _http.StreamAsync(new { prompt = "a", max_tokens = 300, timeout = 0.5, stream = true });
        Assert.False(done);
        Assert.Equal("timeout", (string?)pieces[^1]["error"]!["code"]);
        await Wait.UntilAsync(() => fixture.Engine.Running == 0, "the engine has stopped");
        fixture.Engine.TokenTime = TimeSpan.FromMilliseconds(1);
    }

    private static string Text(string prompt, int maxTokens) => Tokenizer.Decode(ScriptedEngine.AnswerTo(Tokenizer.Encode(prompt), maxTokens));
}
