using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary><c>/v1/completions</c> and <c>/v1/models</c>.</summary>
internal sealed class CompletionRoutes(RouterContext router)
{
    private const int SmallBody = 16 * 1024;

    private readonly ServedModel _model = router.Options.Model;
    private readonly CompletionParser _parser = new(router.Options.Model, router.Options.Timeout);
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    internal void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/completions", CompleteAsync);
        routes.MapGet("/v1/models", context => WriteModelsAsync(context));
        routes.MapGet("/v1/models/{name}", WriteModelAsync);
    }

    private async Task CompleteAsync(HttpContext context)
    {
        try
        {
            var request = await ReadAsync(context);
            router.Admission.Enter(request.Prompts.Length);
            try
            {
                await AnswerAsync(context, request);
            }
            finally
            {
                router.Admission.Leave(request.Prompts.Length);
            }
        }
        catch (ApiException e)
        {
            if (e.Status != StatusCodes.Status502BadGateway && e.Status != StatusCodes.Status504GatewayTimeout) Refused(e);
            await WriteErrorAsync(context, e);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            router.Logger.LogInformation("The client is gone");
        }
    }

    private async Task<CompletionRequest> ReadAsync(HttpContext context)
    {
        // A page of another origin cannot send this type without asking first.
        if (!context.Request.HasJsonContentType())
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "invalid_request_error", "The body must be application/json.");
        try
        {
            using var body = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
            // The thread belongs to many connections; so much to do goes elsewhere.
            if (!(context.Request.ContentLength <= SmallBody)) await Task.Yield();
            return _parser.Parse(body.RootElement);
        }
        catch (JsonException e)
        {
            throw ApiException.Invalid("", $"The body is no JSON: {e.Message}", "invalid_json");
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair is JSON, but no text: found where a field is read.
            throw ApiException.Invalid("", $"The body has what is no text: {e.Message}", "invalid_json");
        }
        catch (BadHttpRequestException e)
        {
            throw new ApiException(e.StatusCode, "invalid_request_error", e.Message);
        }
    }

    private async Task AnswerAsync(HttpContext context, CompletionRequest request)
    {
        var id = $"cmpl-{Guid.NewGuid().ToString("N")[..20]}";
        using var abort = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var choices = request.Prompts.Select((prompt, index) => new CompletionRun(router, $"{id}-{index}", index, prompt, request, abort.Token)).ToArray();
        try
        {
            // Nothing has been sent until engines have taken all of it, so that a refusal still has its status.
            await Task.WhenAll(choices.Select(choice => choice.Generation.Taken));
            var head = new Completion(id, "text_completion", DateTimeOffset.UtcNow.ToUnixTimeSeconds(), _model.Name, []);
            if (request.Stream)
            {
                using var stream = new CompletionStream(context, head, request);
                await stream.WriteAsync(choices, abort.Token);
            }
            else await WriteWholeAsync(context, head, choices, request, abort.Token);
        }
        finally
        {
            await abort.CancelAsync();
            await Task.WhenAll(choices.Select(choice => choice.Ended));
            foreach (var choice in choices) choice.Dispose();
        }
    }

    private static async Task WriteWholeAsync(HttpContext context, Completion head, CompletionRun[] runs, CompletionRequest request, CancellationToken cancellation)
    {
        var choices = new CompletionChoice[runs.Length];
        await CompletionRun.ForAllAsync(runs, async (run, token) =>
        {
            var text = new StringBuilder();
            List<int> tokens = [];
            CompletionChoice last = null!;
            await foreach (var piece in run.ReadAsync(token))
            {
                text.Append(piece.Text);
                tokens.AddRange(piece.TokenIds ?? []);
                last = piece;
            }
            choices[last.Index] = last with { Text = text.ToString(), TokenIds = request.TokenIds ? [.. tokens] : null };
        }, cancellation);
        await context.Response.WriteAsJsonAsync(
            head with { Choices = choices, Usage = CompletionRun.Usage(runs) }, ApiJson.Default.Completion, cancellationToken: context.RequestAborted);
    }

    private void Refused(ApiException e)
    {
        router.Metrics.Refused(e.Reason);
        if (e.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable) router.Feed.Log(LogKind.Refused, $"{e.Status}: {e.Message}");
    }

    private static async Task WriteErrorAsync(HttpContext context, ApiException e)
    {
        // In the middle of a stream CompletionStream has told it.
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested) return;
        context.Response.StatusCode = e.Status;
        if (e.Status == StatusCodes.Status429TooManyRequests) context.Response.Headers.RetryAfter = "1";
        if (e.Status == StatusCodes.Status503ServiceUnavailable) context.Response.Headers.RetryAfter = "2";
        await context.Response.WriteAsJsonAsync(e.Body, ApiJson.Default.ApiError, cancellationToken: context.RequestAborted);
    }

    private ModelCard Card => new(_model.Name, "model", _created, "nixl", _model.MaxPositions);

    private Task WriteModelsAsync(HttpContext context) =>
        context.Response.WriteAsJsonAsync(new ModelList("list", [Card]), ApiJson.Default.ModelList, cancellationToken: context.RequestAborted);

    private Task WriteModelAsync(HttpContext context)
    {
        var name = (string?)context.Request.RouteValues["name"];
        if (name == _model.Name) return context.Response.WriteAsJsonAsync(Card, ApiJson.Default.ModelCard, cancellationToken: context.RequestAborted);
        return WriteErrorAsync(context, new ApiException(
            StatusCodes.Status404NotFound, "invalid_request_error", $"The model '{name}' is not here; '{_model.Name}' is.", "model", "model_not_found"));
    }
}
