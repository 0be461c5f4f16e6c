using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The live page, its files out of the assembly, and <c>/events</c>, where it gets what it shows.</summary>
internal sealed class LiveRoutes(RouterContext router, IHostApplicationLifetime lifetime)
{
    private const int MostViewers = 32;
    private const string Prefix = "wwwroot/";
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250), Heartbeat = TimeSpan.FromSeconds(5);

    private int _viewers;

    internal void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/events", WatchAsync);
        foreach (var resource in typeof(LiveRoutes).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            var file = new PageFile(resource);
            routes.MapGet(resource == Prefix + "index.html" ? "/" : "/" + resource[Prefix.Length..], file.WriteAsync);
        }
    }

    private async Task WatchAsync(HttpContext context)
    {
        if (Interlocked.Increment(ref _viewers) > MostViewers)
        {
            Interlocked.Decrement(ref _viewers);
            await context.RefuseAsync(StatusCodes.Status503ServiceUnavailable, $"{MostViewers} pages look at this router already.");
            return;
        }
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            await StreamAsync(context, end.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The page is closed, or the router stops.
        }
        finally
        {
            Interlocked.Decrement(ref _viewers);
        }
    }

    private async Task StreamAsync(HttpContext context, CancellationToken cancellation)
    {
        Sse.Begin(context);
        var (seen, sent) = (0L, Stopwatch.GetTimestamp());
        while (true)
        {
            var version = router.Feed.Version;
            if (version > seen || seen == 0 || Stopwatch.GetElapsedTime(sent) > Heartbeat)
            {
                await Sse.WriteAsync(context, JsonSerializer.SerializeToUtf8Bytes(Frame(seen), LiveJson.Default.LiveFrame), cancellation);
                (seen, sent) = (Math.Max(version, 1), Stopwatch.GetTimestamp());
            }
            await Task.Delay(Interval, cancellation);
        }
    }

    private LiveFrame Frame(long since)
    {
        var readiness = router.Readiness();
        var about = new LiveRouter(
            router.Options.Model.Name, router.Options.Model.MaxPositions, router.Admission.Waiting, router.Admission.Running, router.Admission.Limit,
            router.Metrics.Failovers, readiness.Ready, readiness.Reason);
        return new LiveFrame(
            since == 0, Clock.Now, about, [.. router.Workers.Workers.Select(View)], router.Feed.RequestsSince(since), router.Feed.LogSince(since),
            router.Rates.Since(since));
    }

    private static LiveEngine View(Worker worker)
    {
        var (about, status) = (worker.Announcement, worker.Status);
        var state = worker.State switch
        {
            WorkerState.Alive when status is { Draining: true } => "draining",
            WorkerState.Alive when status is { Ready: false } => "warming up",
            var other => other.ToString().ToLowerInvariant(),
        };
        return new LiveEngine(
            about.Name, about.Role, state, worker.Problem, about.Incarnation, status?.ProcessId ?? 0, status?.TensorParallel ?? about.Ranks.Length,
            status?.Queue, status?.Blocks, status?.Quarantine ?? [], status?.Peers ?? [], status?.TokensGenerated ?? 0, status?.PromptTokensComputed ?? 0);
    }

    private sealed class PageFile
    {
        private readonly byte[] _content;
        private readonly string _type, _tag;

        internal PageFile(string resource)
        {
            using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!;
            _content = new byte[stream.Length];
            stream.ReadExactly(_content);
            _tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(_content).AsSpan(0, 8))}\"";
            _type = Path.GetExtension(resource) switch
            {
                ".html" => "text/html; charset=utf-8",
                ".css" => "text/css; charset=utf-8",
                ".js" => "text/javascript; charset=utf-8",
                ".svg" => "image/svg+xml",
                var other => throw new NotSupportedException($"{resource}: the page has no files of type {other}."),
            };
        }

        internal Task WriteAsync(HttpContext context)
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers.CacheControl = "no-cache";
            headers.ETag = _tag;
            if (context.Request.Headers.IfNoneMatch == _tag)
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }
            context.Response.ContentType = _type;
            context.Response.ContentLength = _content.Length;
            return context.Response.Body.WriteAsync(_content, context.RequestAborted).AsTask();
        }
    }
}
