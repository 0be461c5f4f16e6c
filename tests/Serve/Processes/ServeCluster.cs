using System.Globalization;
using System.Net;

namespace Nixl.Sdk.Serve;

/// <summary>A router and its engines as processes of this machine. Everything ends with it, and with this process at the latest.</summary>
internal sealed class ServeCluster : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ClusterOptions _options;
    private readonly ServedProcess _router;
    private readonly HttpClient _http;

    private ServeCluster(ClusterOptions options, ServedProcess router, Uri url, string folder)
    {
        (_options, _router, Folder) = (options, router, folder);
        RouterProxy = options.Proxies ? new CuttingProxy() : null;
        RouterProxy?.LeadTo(url);
        Url = RouterProxy?.Url ?? url;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = url, Timeout = TimeSpan.FromSeconds(10) };
        Engines = [.. options.Engines.Select(spec => new EngineSlot(spec, options, url, folder))];
    }

    /// <summary>Where clients send their requests.</summary>
    internal Uri Url { get; }

    /// <summary>Stands between the clients and the router; null without <see cref="ClusterOptions.Proxies"/>.</summary>
    internal CuttingProxy? RouterProxy { get; }

    internal ServedProcess Router => _router;

    internal IReadOnlyList<EngineSlot> Engines { get; }

    /// <summary>A log for each process.</summary>
    internal string Folder { get; }

    /// <summary>Starts all processes, and waits until all engines are ready and connected.</summary>
    internal static async Task<ServeCluster> StartAsync(ClusterOptions options, CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("nixl-serve-").FullName;
        List<string> arguments = ["router", "--listen", "127.0.0.1:0"];
        if (options.RouterQueue is { } queue) arguments.AddRange(["--queue", queue.ToString(CultureInfo.InvariantCulture)]);
        var router = await ServedProcess.StartAsync(arguments, Path.Combine(folder, "router.log"));
        ServeCluster? cluster = null;
        try
        {
            cluster = new ServeCluster(options, router, await router.Listening.WaitAsync(options.StartLimit, cancellation), folder);
            await Task.WhenAll(cluster.Engines.Select(engine => engine.StartAsync(cancellation)));
            if (!await cluster.WaitUntilReadyAsync(options.StartLimit, cancellation))
                throw new TimeoutException($"Not all engines were ready and connected within {options.StartLimit.TotalSeconds} s.\n{cluster.LogTails(20)}");
            return cluster;
        }
        catch
        {
            if (cluster is not null) await cluster.DisposeAsync();
            else await router.DisposeAsync();
            throw;
        }
    }

    /// <summary>Every engine is ready, every decode engine is connected to every prefill engine, and the router knows it.</summary>
    /// <returns>False if it was not so in time.</returns>
    internal async Task<bool> WaitUntilReadyAsync(TimeSpan limit, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        try
        {
            while (!await IsReadyAsync(deadline.Token)) await Task.Delay(Pause, deadline.Token);
            // The router asks for statuses twice a second: what it knows is that old at most.
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>The router's counters and gauges.</summary>
    internal async Task<RouterFigures> FiguresAsync(CancellationToken cancellation) =>
        RouterFigures.Parse(await _http.GetStringAsync("/metrics", cancellation));

    /// <summary>The changes that the live page is told of.</summary>
    internal Task<Stream> EventsAsync(CancellationToken cancellation) => _http.GetStreamAsync("/events", cancellation);

    /// <summary>The last lines of every process.</summary>
    internal string LogTails(int lines) => string.Join('\n', Directory.GetFiles(Folder, "*.log").Order(StringComparer.Ordinal).Select(file =>
        $"--- {Path.GetFileName(file)}\n{ServedProcess.Tail(file, lines)}"));

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Engines.Select(engine => engine.DisposeAsync().AsTask()));
        await _router.DisposeAsync();
        if (RouterProxy is not null) await RouterProxy.DisposeAsync();
        _http.Dispose();
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellation)
    {
        var prefills = _options.Engines.Count(engine => engine.Role == "prefill");
        foreach (var engine in Engines)
        {
            if (await engine.StatusAsync(cancellation) is not { Ready: true, Draining: false } status) return false;
            if (engine.Spec.Role == "decode" && status.Peers.Count(peer => peer.State == "connected") < prefills) return false;
        }
        try
        {
            using var answer = await _http.GetAsync("/health/ready", cancellation);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
