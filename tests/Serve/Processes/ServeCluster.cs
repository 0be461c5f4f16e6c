using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve;

/// <summary>A router and its engines as processes of this machine. Everything ends with it, and with this process at the latest.</summary>
internal sealed class ServeCluster : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ClusterOptions _options;
    private readonly EngineExits _exits;
    private readonly HttpClient _http;

    private ServeCluster(ClusterOptions options, ServedProcess router, Uri url, string folder)
    {
        (_options, Router, RouterUrl, Folder) = (options, router, url, folder);
        _exits = new EngineExits(url);
        RouterProxy = options.Proxies ? new CuttingProxy() : null;
        RouterProxy?.LeadTo(url);
        Url = RouterProxy?.Url ?? url;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = url, Timeout = TimeSpan.FromSeconds(10) };
        Engines = [.. options.Engines.Select(spec => new EngineSlot(spec, options, url, _exits, folder))];
    }

    /// <summary>Where clients send their requests.</summary>
    internal Uri Url { get; }

    /// <summary>Stands between the clients and the router; null without <see cref="ClusterOptions.Proxies"/>.</summary>
    internal CuttingProxy? RouterProxy { get; }

    /// <summary>The router's life now.</summary>
    internal ServedProcess Router { get; private set; }

    /// <summary>Where it listens, in all its lives.</summary>
    internal Uri RouterUrl { get; }

    /// <summary>When the router's last life was known to have ended, in milliseconds of Unix time; 0: it is the first one. What was asked later only the present one has seen.</summary>
    internal double RouterEnded { get; private set; }

    internal IReadOnlyList<EngineSlot> Engines { get; }

    /// <summary>A log for each process.</summary>
    internal string Folder { get; }

    /// <summary>Starts all processes, and waits until all engines are ready and connected.</summary>
    internal static async Task<ServeCluster> StartAsync(ClusterOptions options, CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("nixl-serve-").FullName;
        var router = await StartRouterAsync(options, new Uri($"http://127.0.0.1:{LastingPort()}"), folder);
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

    /// <summary>Kills the router. What clients have on its way ends without an answer.</summary>
    internal async Task KillRouterAsync()
    {
        await Router.KillAsync();
        RouterEnded = CompletionClient.Now;
    }

    /// <summary>Starts the router anew at its address, as a supervisor does; engines come back to it by themselves.</summary>
    internal async Task RestartRouterAsync(CancellationToken cancellation)
    {
        await Router.DisposeAsync();
        Router = await StartRouterAsync(_options, RouterUrl, Folder);
        await Router.Listening.WaitAsync(_options.StartLimit, cancellation);
        _exits.RouterIsNew();
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
        await _exits.DisposeAsync();
        await Router.DisposeAsync();
        if (RouterProxy is not null) await RouterProxy.DisposeAsync();
        _http.Dispose();
    }

    private static Task<ServedProcess> StartRouterAsync(ClusterOptions options, Uri url, string folder)
    {
        List<string> arguments = ["router", "--listen", url.Authority];
        if (options.RouterQueue is { } queue) arguments.AddRange(["--queue", queue.ToString(CultureInfo.InvariantCulture)]);
        return ServedProcess.StartAsync(arguments, Path.Combine(folder, "router.log"));
    }

    /// <summary>A port that the kernel gives to nobody while a router that is started anew does not listen on it: below those that it hands out.</summary>
    private static int LastingPort()
    {
        const int First = 20_000, End = 32_000;
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(First, End));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
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
