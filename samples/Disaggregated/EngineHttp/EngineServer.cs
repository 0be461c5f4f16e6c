using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine over HTTP: the routes of <see cref="ContractJson"/>. The engine is the caller's; it is disposed after this.</summary>
internal sealed class EngineServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private EngineServer(WebApplication app, IServingEngine engine, Uri? url)
    {
        _app = app;
        Listening = HttpServer.AddressOf(app);
        Announcement = engine.Announcement with { Url = (url ?? Listening).GetLeftPart(UriPartial.Authority) };
    }

    /// <summary>Where it listens.</summary>
    internal Uri Listening { get; }

    /// <summary>The engine, with its address.</summary>
    internal EngineAnnouncement Announcement { get; }

    internal ILoggerFactory Logs => _app.Services.GetRequiredService<ILoggerFactory>();

    /// <param name="engine">The engine.</param>
    /// <param name="listen">Where it listens.</param>
    /// <param name="url">Where others reach it, if that is somewhere else.</param>
    /// <param name="verbose">Whether it logs more than warnings.</param>
    /// <param name="cancellation">Gives up.</param>
    internal static async Task<EngineServer> StartAsync(
        IServingEngine engine, IPEndPoint listen, Uri? url = null, bool verbose = false, CancellationToken cancellation = default)
    {
        var app = HttpServer.Build(listen, verbose, url is null ? [] : [url.Host]);
        try
        {
            new EngineRoutes(engine, app.Services.GetRequiredService<ILogger<EngineServer>>()).Map(app);
            app.MapGet("/health/live", context => context.Response.WriteAsync("live"));
            app.MapGet("/health/ready", context =>
            {
                var status = engine.GetStatus();
                if (status.Ready && !status.Draining) return context.Response.WriteAsync("ready");
                return context.RefuseAsync(StatusCodes.Status503ServiceUnavailable, status.Draining ? "The engine drains." : "The engine is not warm yet.");
            });
            EngineServer? server = null;
            app.MapGet("/engine/announcement", context => context.Response.WriteAsJsonAsync(
                (server ?? throw new InvalidOperationException("It does not listen yet.")).Announcement, ContractJson.Default.EngineAnnouncement, cancellationToken: context.RequestAborted));
            await app.ListenAsync(listen, cancellation);
            return server = new EngineServer(app, engine, url);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends every connection, after some seconds also those that still stream.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
