using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The handlers of an engine's routes.</summary>
internal sealed class EngineRoutes(IServingEngine engine, ILogger logger)
{
    internal void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/engine/generate", GenerateAsync);
        routes.MapPost("/engine/prefill", PrefillAsync);
        routes.MapPut("/engine/peers", SetPeersAsync);
        routes.MapPost("/engine/exited", ExitedAsync);
        routes.MapPost("/engine/drain", DrainAsync);
        routes.MapGet("/engine/status", context =>
            context.Response.WriteAsJsonAsync(engine.GetStatus(), ContractJson.Default.EngineStatus, cancellationToken: context.RequestAborted));
    }

    private async Task GenerateAsync(HttpContext context)
    {
        if (await context.ReadBodyAsync(ContractJson.Default.GenerateRequest) is not { } request) return;
        if (ContractCheck.WhyNot(request) is { } why) await context.RefuseAsync(StatusCodes.Status400BadRequest, why);
        else await AnswerAsync(context, request.Id, engine.GenerateAsync(request, context.RequestAborted));
    }

    private async Task PrefillAsync(HttpContext context)
    {
        if (await context.ReadBodyAsync(ContractJson.Default.PrefillRequest) is not { } request) return;
        if (ContractCheck.WhyNot(request) is { } why) await context.RefuseAsync(StatusCodes.Status400BadRequest, why);
        else await AnswerAsync(context, request.Name, engine.PrefillAsync(request, context.RequestAborted));
    }

    /// <summary>The connection is the request's life: when it closes, the engine aborts the request.</summary>
    private async Task AnswerAsync(HttpContext context, string id, IAsyncEnumerable<EngineEvent> answer)
    {
        var events = answer.GetAsyncEnumerator(context.RequestAborted);
        try
        {
            if (await FirstAsync(context, events)) await StreamAsync(context, id, events);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            logger.LogInformation("{Request}: the client is gone", id);
        }
        finally
        {
            await events.DisposeAsync();
        }
    }

    private static async Task<bool> FirstAsync(HttpContext context, IAsyncEnumerator<EngineEvent> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (ArgumentException e)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, e.Message);
        }
        catch (EngineBusyException e)
        {
            await context.RefuseAsync(e.IsFull ? StatusCodes.Status429TooManyRequests : StatusCodes.Status503ServiceUnavailable, e.Message);
        }
        return false;
    }

    private async Task StreamAsync(HttpContext context, string id, IAsyncEnumerator<EngineEvent> events)
    {
        context.Response.ContentType = "application/x-ndjson";
        try
        {
            do Write(context, events.Current);
            while (await NextAsync(context, events));
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }
        catch (Exception e) when (e is not (OperationCanceledException or IOException))
        {
            logger.LogError(e, "{Request} failed", id);
            Write(context, new FailedEvent(Clock.Now, "failed", e.Message, CanRetry: true));
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }
    }

    /// <summary>Waits for the next event. What has been written is sent if that is not there already: what happens at once is one packet.</summary>
    private static async Task<bool> NextAsync(HttpContext context, IAsyncEnumerator<EngineEvent> events)
    {
        var next = events.MoveNextAsync();
        if (next.IsCompleted) return await next;
        var waiting = next.AsTask();
        try
        {
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }
        finally
        {
            // Nobody may dispose the events while somebody waits for one. If the client is gone, the wait is over, too.
            await ((Task)waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return await waiting;
    }

    private static void Write(HttpContext context, EngineEvent value)
    {
        var body = context.Response.BodyWriter;
        using (var json = new Utf8JsonWriter(body)) JsonSerializer.Serialize(json, value, ContractJson.Default.EngineEvent);
        body.Write("\n"u8);
    }

    private async Task SetPeersAsync(HttpContext context)
    {
        if (await context.ReadBodyAsync(ContractJson.Default.EngineAnnouncementArray) is not { } peers) return;
        if (peers.Select(ContractCheck.WhyNot).FirstOrDefault(why => why is not null) is { } why)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, why);
            return;
        }
        engine.SetPeers(peers);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task ExitedAsync(HttpContext context)
    {
        if (await context.ReadBodyAsync(ContractJson.Default.EngineAnnouncement) is not { } peer) return;
        if (ContractCheck.WhyNot(peer) is { } why)
        {
            await context.RefuseAsync(StatusCodes.Status400BadRequest, why);
            return;
        }
        engine.PeerExited(peer);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task DrainAsync(HttpContext context)
    {
        if (!await context.IsJsonAsync()) return;
        engine.Drain();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
