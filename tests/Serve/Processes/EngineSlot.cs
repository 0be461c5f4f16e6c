using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve;

/// <summary>An engine's place in a cluster: the same name through all its lives. One caller at a time, except <see cref="StatusAsync"/>.</summary>
internal sealed class EngineSlot(EngineSpec spec, ClusterOptions options, Uri router, EngineExits exits, string folder) : IAsyncDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(15) };

    private Uri? _url;

    internal EngineSpec Spec => spec;

    /// <summary>Stands between the router and the engine; null without <see cref="ClusterOptions.Proxies"/>.</summary>
    internal CuttingProxy? Proxy { get; } = options.Proxies ? new CuttingProxy() : null;

    /// <summary>The life that it has now.</summary>
    internal ServedProcess? Process { get; private set; }

    internal int Lives { get; private set; }

    internal string LogFile { get; } = Path.Combine(folder, $"{spec.Name}.log");

    /// <summary>The port on which it takes requests in this life.</summary>
    internal int Port => _url?.Port ?? 0;

    internal bool Runs => Process is { HasExited: false };

    /// <summary>Starts it, and waits until it listens.</summary>
    internal async Task StartAsync(CancellationToken cancellation)
    {
        if (Process is { } last)
        {
            await last.DisposeAsync();
            // Over a network nobody else knows that it can write nothing any more.
            await exits.ExitedAsync(spec.Name, last.Id, cancellation);
        }
        // The proxy's address is announced, so the engine's own one has to be known before.
        var listen = Proxy is null ? "127.0.0.1:0" : $"127.0.0.1:{FreePort()}";
        List<string> arguments =
        [
            "engine", "--role", spec.Role, "--name", spec.Name, "--listen", listen, "--router", router.GetLeftPart(UriPartial.Authority),
            "--tp", Text(spec.TensorParallel), "--drain", "5", "--placement", spec.Placement, "--transport", options.Transport, "--blocks", Text(options.Blocks),
        ];
        if (options.Checksums) arguments.Add("--checksums");
        if (Proxy is not null) arguments.AddRange(["--url", Proxy.Url.GetLeftPart(UriPartial.Authority)]);
        Process = await ServedProcess.StartAsync(arguments, LogFile);
        Lives++;
        var printed = await Process.Listening.WaitAsync(options.StartLimit, cancellation);
        _url = Proxy is null ? printed : new Uri($"http://{listen}");
        Proxy?.LeadTo(_url);
        await exits.StartedAsync(Process.Id, _url, cancellation);
    }

    /// <summary>What it says that it does, without a proxy in between.</summary>
    /// <returns>Null if it does not answer.</returns>
    internal async Task<EngineStatus?> StatusAsync(CancellationToken cancellation)
    {
        if (_url is not { } url) return null;
        try
        {
            return await Http.GetFromJsonAsync(new Uri(url, "/engine/status"), ContractJson.Default.EngineStatus, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Process is { } process) await process.DisposeAsync();
        if (Proxy is not null) await Proxy.DisposeAsync();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
