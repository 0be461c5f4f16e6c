using System.Text.Json;
using static Nixl.Sdk.Serve.Tests.ScriptedServer;

namespace Nixl.Sdk.Serve.Tests;

/// <summary>What a client makes of everything that a server may do.</summary>
public sealed class CompletionClientTests
{
    private const string First = """{"id":"cmpl-1","choices":[{"index":0,"text":"a","finish_reason":null,"token_ids":[97]}]}""";
    private const string Second = """{"id":"cmpl-1","choices":[{"index":0,"text":"bc","finish_reason":null,"token_ids":[98,99]}]}""";
    private const string Last = """{"id":"cmpl-1","choices":[{"index":0,"text":"","finish_reason":"length","token_ids":[]}]}""";
    private const string Usage = """{"id":"cmpl-1","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}}""";
    private const string Error = """{"error":{"message":"no more","type":"server_error","param":null,"code":"engine_failed"}}""";

    private static readonly ServePrompt Prompt = new(0, "xyz", 3, SharesPrefix: false);

    [Fact]
    public async Task A_stream_is_taken_in_token_by_token()
    {
        await using var server = new ScriptedServer(stream => SendAsync(stream, Stream(First, Second, Last, Usage, "[DONE]")));
        var answer = await AskAsync(server, stream: true);
        Assert.Equal((Outcome.Done, "abc", "length", "cmpl-1", 2), (answer.Outcome, answer.Text, answer.Finish, answer.Id, answer.CachedTokens));
        Assert.Equal([97, 98, 99], answer.Tokens);
        Assert.Equal(3, answer.TokenTimes.Count);
        Assert.True(answer.TimeToFirstToken >= 0 && answer.TokenTimes.SequenceEqual(answer.TokenTimes.Order()));
        using var body = JsonDocument.Parse(server.Body);
        Assert.Equal(("xyz", 3, true, true), (
            body.RootElement.GetProperty("prompt").GetString(), body.RootElement.GetProperty("max_tokens").GetInt32(),
            body.RootElement.GetProperty("stream").GetBoolean(), body.RootElement.GetProperty("return_token_ids").GetBoolean()));
    }

    [Fact]
    public async Task An_answer_in_one_piece_is_taken_in()
    {
        await using var server = new ScriptedServer(stream =>
            SendAsync(stream, Json(200, """{"id":"cmpl-2","choices":[{"index":0,"text":"ab","finish_reason":"stop","token_ids":[97,98]}]}""")));
        var answer = await AskAsync(server, stream: false);
        Assert.Equal((Outcome.Done, "ab", "stop"), (answer.Outcome, answer.Text, answer.Finish));
    }

    [Theory]
    [InlineData(429, Outcome.Refused)]
    [InlineData(503, Outcome.Refused)]
    [InlineData(502, Outcome.Failed)]
    [InlineData(504, Outcome.Failed)]
    public async Task A_status_says_whether_it_was_refused_or_failed(int status, object outcome)
    {
        await using var server = new ScriptedServer(stream => SendAsync(stream, Json(status, Error)));
        var answer = await AskAsync(server, stream: true);
        Assert.Equal((outcome, status, "engine_failed", "no more"), (answer.Outcome, answer.Status, answer.Code, answer.Error));
    }

    [Fact]
    public async Task An_error_in_the_middle_keeps_what_came_before()
    {
        await using var server = new ScriptedServer(stream => SendAsync(stream, Stream(First, Error)));
        var answer = await AskAsync(server, stream: true);
        Assert.Equal((Outcome.Failed, "engine_failed", "a"), (answer.Outcome, answer.Code, answer.Text));
    }

    [Fact]
    public async Task A_stream_that_ends_without_a_word_is_broken_and_never_done()
    {
        await using var server = new ScriptedServer(stream => SendAsync(stream, Stream(First, Second, Last)));
        var answer = await AskAsync(server, stream: true);
        Assert.Equal((Outcome.Broken, 3), (answer.Outcome, answer.Tokens.Count));
    }

    [Fact]
    public async Task What_is_no_completion_has_failed()
    {
        await using var server = new ScriptedServer(stream => SendAsync(stream, Stream("nonsense")));
        Assert.Equal((Outcome.Failed, "malformed"), Of(await AskAsync(server, stream: true)));
        await using var early = new ScriptedServer(stream => SendAsync(stream, Stream(First, "[DONE]")));
        Assert.Equal((Outcome.Failed, "malformed"), Of(await AskAsync(early, stream: true)));

        static (Outcome, string) Of(Answer answer) => (answer.Outcome, answer.Code);
    }

    [Fact]
    public async Task Silence_past_the_deadline_has_hung_and_a_client_that_goes_away_has_aborted()
    {
        await using var server = new ScriptedServer(async stream =>
        {
            await SendAsync(stream, Stream(First));
            await Task.Delay(TimeSpan.FromMinutes(1));
        });
        Assert.Equal(Outcome.Hung, (await AskAsync(server, stream: true, deadline: 0.2)).Outcome);
        using var abort = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        Assert.Equal(Outcome.Aborted, (await AskAsync(server, stream: true, abort: abort.Token)).Outcome);
    }

    [Fact]
    public async Task Where_nobody_listens_the_connection_is_broken()
    {
        var server = new ScriptedServer(_ => Task.CompletedTask);
        await server.DisposeAsync();
        Assert.Equal(Outcome.Broken, (await AskAsync(server, stream: true)).Outcome);
    }

    private static async Task<Answer> AskAsync(ScriptedServer server, bool stream, double deadline = 60, CancellationToken abort = default)
    {
        using var client = new CompletionClient(server.Url, TimeSpan.FromSeconds(deadline), TimeSpan.FromSeconds(0.2));
        return await client.CompleteAsync(Prompt, stream, abort);
    }
}
