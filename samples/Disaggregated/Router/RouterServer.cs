using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The router: OpenAI's completions in front, engines behind, a live page beside.</summary>
internal sealed class RouterServer : IAsyncDisposable
{
    private const string StillThere = "No engine of this name and process is known here, or it still answers.";

    private readonly WebApplication _app;
    private readonly WorkerMonitor _monitor;

    private RouterServer(WebApplication app, RouterContext context)
    {
        (_app, Context) = (app, context);
        _monitor = new WorkerMonitor(context.Workers, context.Options, context.Rates, context.Logger);
        Url = HttpServer.AddressOf(app);
    }

    /// <summary>Where it listens.</summary>
    internal Uri Url { get; }

    internal RouterContext Context { get; }

    internal static async Task<RouterServer> StartAsync(RouterOptions options, CancellationToken cancellation = default)
    {
        var app = HttpServer.Build(options.Listen, options.Verbose, options.Hosts);
        try
        {
            var logger = app.Services.GetRequiredService<ILogger<RouterServer>>();
            var feed = new LiveFeed();
            var workers = new WorkerRegistry(logger, feed);
            var admission = new Admission(options.Queue);
            var metrics = new RouterMetrics(metrics => metrics.Set(admission.Waiting, admission.Running, workers.Workers));
            var context = new RouterContext(options, workers, admission, metrics, feed, new LinkRates(feed), logger);
            new CompletionRoutes(context).Map(app);
            new LiveRoutes(context, app.Lifetime).Map(app);
            Map(app, context);
            await app.ListenAsync(options.Listen, cancellation);
            return new RouterServer(app, context);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private static void Map(IEndpointRouteBuilder routes, RouterContext context)
    {
        routes.MapPost("/workers", async http =>
        {
            if (await http.ReadBodyAsync(ContractJson.Default.EngineAnnouncement) is not { } engine) return;
            if (ContractCheck.WhyNot(engine) is { } wrong) await http.RefuseAsync(StatusCodes.Status400BadRequest, wrong);
            else if (await context.Workers.JoinAsync(engine, http.RequestAborted) is { } refused) await http.RefuseAsync(StatusCodes.Status409Conflict, refused);
            else http.Response.StatusCode = StatusCodes.Status204NoContent;
        });
        routes.MapDelete("/workers/{name}", http =>
        {
            var left = context.Workers.Leave((string)http.Request.RouteValues["name"]!, http.Request.Query["incarnation"] is [{ } incarnation] ? incarnation : null);
            http.Response.StatusCode = left ? StatusCodes.Status204NoContent : StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
        routes.MapPost("/workers/{name}/exited", async http =>
        {
            if (!await http.IsJsonAsync()) return;
            if (!http.Request.Query.ContainsKey("process")) await ExitedAsync(http, context);
            else if (!int.TryParse(http.Request.Query["process"], NumberStyles.None, CultureInfo.InvariantCulture, out var process) || process == 0)
                await http.RefuseAsync(StatusCodes.Status400BadRequest, "process must be the id of the process that has ended: /workers/NAME/exited?process=1234");
            else if (await context.Workers.ExitedAsync((string)http.Request.RouteValues["name"]!, process, http.RequestAborted)) http.Response.StatusCode = StatusCodes.Status204NoContent;
            else await http.RefuseAsync(StatusCodes.Status404NotFound, StillThere);
        });
        routes.MapGet("/health/live", http => http.Response.WriteAsync("live"));
        routes.MapGet("/health/ready", http =>
        {
            var readiness = context.Readiness();
            if (!readiness.Ready) http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return http.Response.WriteAsJsonAsync(readiness, ApiJson.Default.Readiness, cancellationToken: http.RequestAborted);
        });
        routes.MapGet("/metrics", http =>
        {
            http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            return context.Metrics.WriteAsync(http.Response.Body, http.RequestAborted);
        });
    }

    private static async Task ExitedAsync(HttpContext http, RouterContext context)
    {
        if (await http.ReadBodyAsync(ContractJson.Default.EngineAnnouncement) is not { } engine) return;
        if (ContractCheck.WhyNot(engine) is { } wrong) await http.RefuseAsync(StatusCodes.Status400BadRequest, wrong);
        else if (engine.Name != (string)http.Request.RouteValues["name"]!) await http.RefuseAsync(StatusCodes.Status400BadRequest, "The path and the announcement name different engines.");
        else if (await context.Workers.ExitedAsync(engine, http.RequestAborted)) http.Response.StatusCode = StatusCodes.Status204NoContent;
        else await http.RefuseAsync(StatusCodes.Status404NotFound, StillThere);
    }

    /// <summary>Ends the connections, those that stream after some seconds, and then forgets its engines.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _monitor.DisposeAsync();
        await Context.Workers.DisposeAsync();
        await _app.DisposeAsync();
    }
}
