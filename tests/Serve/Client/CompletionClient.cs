using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text.Json;

namespace Nixl.Sdk.Serve;

/// <summary>A client of <c>/v1/completions</c>. Never throws because of what the server does: that is the answer. Thread-safe.</summary>
/// <param name="router">Where it is sent.</param>
/// <param name="deadline">What the router is asked to keep.</param>
/// <param name="grace">How long after it a request counts as hung.</param>
internal sealed class CompletionClient(Uri router, TimeSpan deadline, TimeSpan grace) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false })
    {
        BaseAddress = router, Timeout = System.Threading.Timeout.InfiniteTimeSpan,
    };

    internal static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;

    /// <summary>Sends a request and takes in its answer.</summary>
    /// <param name="prompt">The request.</param>
    /// <param name="stream">Whether the tokens are wanted as they come.</param>
    /// <param name="abort">The client's own wish to end it.</param>
    internal async Task<Answer> CompleteAsync(ServePrompt prompt, bool stream, CancellationToken abort)
    {
        var answer = new Answer(prompt, Now);
        using var hung = CancellationTokenSource.CreateLinkedTokenSource(abort);
        hung.CancelAfter(deadline + grace);
        try
        {
            await ExchangeAsync(answer, stream, hung.Token);
        }
        catch (OperationCanceledException)
        {
            answer.Outcome = abort.IsCancellationRequested ? Outcome.Aborted : Outcome.Hung;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            (answer.Outcome, answer.Error) = (Outcome.Broken, e.Message);
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or FormatException)
        {
            (answer.Outcome, answer.Code, answer.Error) = (Outcome.Failed, "malformed", $"What came is no completion: {e.Message}");
        }
        answer.Ended = Now;
        return answer;
    }

    public void Dispose() => _http.Dispose();

    private async Task ExchangeAsync(Answer answer, bool stream, CancellationToken cancellation)
    {
        var body = new CompletionBody(
            answer.Prompt.Text, answer.Prompt.MaxTokens, stream, deadline.TotalSeconds, ReturnTokenIds: true, stream ? new StreamOptions(IncludeUsage: true) : null);
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, ClientJson.Default.CompletionBody)) };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(stream ? "text/event-stream" : "application/json"));
        using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
        answer.Status = (int)response.StatusCode;
        await using var content = await response.Content.ReadAsStreamAsync(cancellation);
        if (response.StatusCode == HttpStatusCode.OK && stream)
        {
            await ReadStreamAsync(answer, content, cancellation);
            return;
        }
        Take(answer, await JsonSerializer.DeserializeAsync(content, ClientJson.Default.CompletionPiece, cancellation), stream: false);
        if (answer.Code.Length > 0 || answer.Error.Length > 0) answer.Outcome = answer.Status is 429 or 503 ? Outcome.Refused : Outcome.Failed;
        else answer.Outcome = answer.Finish.Length > 0 ? Outcome.Done : throw new InvalidDataException("it has no reason for its end");
    }

    private static async Task ReadStreamAsync(Answer answer, Stream content, CancellationToken cancellation)
    {
        await foreach (var item in SseParser.Create(content, (_, data) => data.ToArray()).EnumerateAsync(cancellation))
        {
            if (item.Data.AsSpan().SequenceEqual("[DONE]"u8))
            {
                if (answer.Finish.Length == 0) throw new InvalidDataException("[DONE] before the reason for its end");
                answer.Outcome = Outcome.Done;
                return;
            }
            Take(answer, JsonSerializer.Deserialize(item.Data, ClientJson.Default.CompletionPiece), stream: true);
            if (answer.Outcome == Outcome.Failed) return;
        }
        // Half an answer without a word: the connection's other end is gone.
        throw new IOException("The stream ended before [DONE].");
    }

    private static void Take(Answer answer, CompletionPiece? piece, bool stream)
    {
        var now = Now;
        if (piece is null) throw new InvalidDataException("null");
        if (piece.Error is { } error)
        {
            (answer.Outcome, answer.Code, answer.Error) = (Outcome.Failed, error.Code ?? "", error.Message);
            return;
        }
        answer.Id = piece.Id ?? "";
        if (piece.Usage is { } usage) answer.CachedTokens = usage.PromptTokensDetails?.CachedTokens ?? 0;
        foreach (var choice in piece.Choices ?? [])
        {
            answer.Text += choice.Text;
            foreach (var token in choice.TokenIds ?? [])
            {
                answer.Tokens.Add(token);
                if (stream) answer.TokenTimes.Add(now);
            }
            if (choice.FinishReason is { } finish) answer.Finish = finish;
        }
    }
}
