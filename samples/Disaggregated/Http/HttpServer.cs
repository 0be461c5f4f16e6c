using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What the servers of router and engines have in common: Kestrel with limits, logs on stderr, no signals of its own.</summary>
internal static class HttpServer
{
    /// <summary>The most bytes of a request's body.</summary>
    internal const int BodyLimit = 1 << 20;

    /// <param name="listen">Where it listens.</param>
    /// <param name="verbose">Whether it logs more than warnings.</param>
    /// <param name="names">Names by which others reach it, besides addresses, localhost and the machine's name.</param>
    internal static WebApplication Build(IPEndPoint listen, bool verbose, IReadOnlyList<string> names)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        AddLogs(builder.Logging, verbose);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(3));
        builder.Services.Configure<SocketTransportOptions>(InlineSockets.InServer);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(listen);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyLimit;
        });
        var app = builder.Build();
        app.AnswerOnlyTo(names);
        return app;
    }

    /// <exception cref="IOException">It cannot listen there.</exception>
    internal static async Task ListenAsync(this WebApplication app, IPEndPoint listen, CancellationToken cancellation)
    {
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (SocketException e)
        {
            throw new IOException($"Cannot listen on {listen}: {e.Message}.", e);
        }
    }

    /// <summary>Logs go to stderr: stdout says where a server is.</summary>
    internal static void AddLogs(ILoggingBuilder logging, bool verbose)
    {
        logging.ClearProviders().SetMinimumLevel(verbose ? LogLevel.Information : LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore", LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None) // a failed start is told by the exception
            .AddSimpleConsole(console => console.SingleLine = true);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    /// <summary>Where it listens, once it has started: <c>http://127.0.0.1:41237</c>.</summary>
    internal static Uri AddressOf(WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    // Signals belong to the command, which drains before it stops.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
