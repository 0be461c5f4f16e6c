using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Mime;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine as the router speaks with it. Thread-safe; all engines share one <see cref="HttpClient"/>.</summary>
internal sealed class EngineClient(HttpClient http, Uri url)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly MediaTypeHeaderValue Json = new(MediaTypeNames.Application.Json);

    private readonly Uri _generate = new(url, "/engine/generate"), _prefill = new(url, "/engine/prefill");

    /// <summary>A client for all engines of a router. What runs longer than a call has a token of its own.</summary>
    internal static HttpClient CreateHttp() => new(new SocketsHttpHandler
    {
        ConnectTimeout = Patience, PooledConnectionIdleTimeout = TimeSpan.FromSeconds(20), UseProxy = false, AllowAutoRedirect = false, UseCookies = false,
        // An answer that nobody wants any more is not read to its end, which would keep the connection and so the engine at work: it is closed.
        ResponseDrainTimeout = TimeSpan.FromMilliseconds(50),
    }) { Timeout = System.Threading.Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = HttpServer.BodyLimit };

    /// <exception cref="EngineUnreachableException">No answer in time, or none that is one.</exception>
    internal Task<EngineStatus> GetStatusAsync(CancellationToken cancellation) => CallAsync("status", async token =>
    {
        var status = await http.GetFromJsonAsync(new Uri(url, "/engine/status"), ContractJson.Default.EngineStatus, token);
        return ContractCheck.IsWhole(status) ? status! : throw new EngineUnreachableException("its status is incomplete");
    }, cancellation);

    /// <inheritdoc cref="GetStatusAsync"/>
    internal Task SetPeersAsync(EngineAnnouncement[] peers, CancellationToken cancellation) => CallAsync("peers", async token =>
    {
        using var answer = await http.PutAsJsonAsync(new Uri(url, "/engine/peers"), peers, ContractJson.Default.EngineAnnouncementArray, token);
        answer.EnsureSuccessStatusCode();
        return true;
    }, cancellation);

    /// <summary>Says that an engine's process has ended.</summary>
    /// <inheritdoc cref="GetStatusAsync"/>
    internal Task TellExitAsync(EngineAnnouncement exited, CancellationToken cancellation) => CallAsync("exited", async token =>
    {
        using var answer = await http.PostAsJsonAsync(new Uri(url, "/engine/exited"), exited, ContractJson.Default.EngineAnnouncement, token);
        answer.EnsureSuccessStatusCode();
        return true;
    }, cancellation);

    /// <summary>Begins a request; the answer's events are read from what is returned, which closes the connection when it is disposed.</summary>
    /// <exception cref="EngineRefusedException">The engine does not take it.</exception>
    /// <exception cref="EngineUnreachableException">There is no engine, or its connection broke.</exception>
    internal Task<HttpResponseMessage> BeginAsync(GenerateRequest request, CancellationToken cancellation) =>
        BeginAsync(_generate, JsonSerializer.SerializeToUtf8Bytes(request, ContractJson.Default.GenerateRequest), cancellation);

    /// <summary>Sends a prompt ahead; likewise.</summary>
    /// <inheritdoc cref="BeginAsync(GenerateRequest, CancellationToken)"/>
    internal Task<HttpResponseMessage> BeginAsync(PrefillRequest request, CancellationToken cancellation) =>
        BeginAsync(_prefill, JsonSerializer.SerializeToUtf8Bytes(request, ContractJson.Default.PrefillRequest), cancellation);

    private async Task<HttpResponseMessage> BeginAsync(Uri where, byte[] json, CancellationToken cancellation)
    {
        // Of known length: one write, one packet.
        using var message = new HttpRequestMessage(HttpMethod.Post, where) { Content = new ByteArrayContent(json) { Headers = { ContentType = Json } } };
        try
        {
            var answer = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (answer.StatusCode == HttpStatusCode.OK) return answer;
            using (answer)
            {
                throw new EngineRefusedException((int)answer.StatusCode, await ReasonAsync(answer, cancellation));
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new EngineUnreachableException(e.Message);
        }
    }

    /// <summary>The events of an answer, as they come. Ends when the engine has closed the connection.</summary>
    /// <exception cref="EngineUnreachableException">The connection broke, or what came is no event.</exception>
    internal static async IAsyncEnumerable<EngineEvent> ReadEventsAsync(HttpResponseMessage answer, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        await using var events = JsonSerializer.DeserializeAsyncEnumerable(body, ContractJson.Default.EngineEvent, topLevelValues: true, cancellation)
            .GetAsyncEnumerator(cancellation);
        while (true)
        {
            try
            {
                if (!await events.MoveNextAsync()) yield break;
            }
            catch (Exception e) when (e is IOException or HttpRequestException or JsonException or NotSupportedException)
            {
                throw new EngineUnreachableException($"its connection broke: {e.Message}");
            }
            if (events.Current is not null) yield return events.Current;
        }
    }

    private static async Task<string> ReasonAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            return (await answer.Content.ReadFromJsonAsync(HttpErrorJson.Default.HttpError, cancellation))?.Error ?? "no reason given";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return $"HTTP {(int)answer.StatusCode}";
        }
    }

    private static async Task<T> CallAsync<T>(string what, Func<CancellationToken, Task<T>> call, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Patience);
        try
        {
            return await call(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new EngineUnreachableException($"{what}: no answer within {Patience.TotalSeconds} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException or InvalidOperationException)
        {
            throw new EngineUnreachableException($"{what}: {e.Message}");
        }
    }
}

/// <summary>An engine could not be spoken with.</summary>
internal sealed class EngineUnreachableException(string reason) : Exception(reason);

/// <summary>An engine does not take a request.</summary>
/// <param name="status">400: it can never be answered. 429: full. 503: not ready, or leaving.</param>
/// <param name="reason">In the engine's words.</param>
internal sealed class EngineRefusedException(int status, string reason) : Exception(reason)
{
    internal int Status => status;
}
