using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A completion as server-sent events: <c>data: {…}</c> for each piece, <c>data: [DONE]</c> at the end of one that is complete.</summary>
/// <remarks>After an error there is no [DONE]: half an answer must not look like a whole one.</remarks>
internal sealed class CompletionStream(HttpContext context, Completion head, CompletionRequest request) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    internal async Task WriteAsync(CompletionRun[] runs, CancellationToken cancellation)
    {
        Sse.Begin(context);
        await context.Response.StartAsync(cancellation);
        try
        {
            await CompletionRun.ForAllAsync(runs, async (run, token) =>
            {
                // A piece that is being written is written to its end, also when another choice fails.
                await foreach (var piece in run.ReadAsync(token)) await SendAsync(head with { Choices = [piece] }, cancellation);
            }, cancellation);
            if (request.IncludeUsage) await SendAsync(head with { Usage = CompletionRun.Usage(runs) }, cancellation);
            await Sse.WriteAsync(context, "[DONE]"u8.ToArray(), cancellation);
        }
        catch (ApiException e)
        {
            await Sse.WriteAsync(context, JsonSerializer.SerializeToUtf8Bytes(e.Body, ApiJson.Default.ApiError), cancellation);
        }
    }

    private async Task SendAsync(Completion piece, CancellationToken cancellation)
    {
        var data = JsonSerializer.SerializeToUtf8Bytes(piece, ApiJson.Default.Completion);
        await _turn.WaitAsync(cancellation);
        try
        {
            await Sse.WriteAsync(context, data, cancellation);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
