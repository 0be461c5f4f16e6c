using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>The demo's hold on the engine that has the model: a child process, or an engine in this process. Disposing it ends the engine.</summary>
internal abstract class ServingPeer : IAsyncDisposable
{
    internal abstract PeerReady Ready { get; }

    /// <summary>Its metadata, fetched anew.</summary>
    internal abstract ValueTask<byte[]> FetchMetadataAsync(TimeSpan timeout, CancellationToken cancellation);

    internal static async Task<ServingPeer> StartAsync(string model, NixlTransports transport, TimeSpan timeout, CancellationToken cancellation) =>
        transport == NixlTransports.Loopback
            ? new HostedPeer(await ServingEngine.StartAsync(ServeCommand.DefaultName, model, transport, timeout, _ => { }, cancellation))
            : await ChildPeer.StartProcessAsync(model, transport, timeout, cancellation);

    public abstract ValueTask DisposeAsync();
}

/// <summary>An engine somewhere that somebody else has started.</summary>
internal sealed class DistantPeer(PeerReady ready) : ServingPeer
{
    private readonly DirectMetadataExchange _exchange = new(new DirectMetadataExchangeOptions { Listen = null });

    internal override PeerReady Ready => ready;

    internal override ValueTask<byte[]> FetchMetadataAsync(TimeSpan timeout, CancellationToken cancellation) =>
        _exchange.FetchAsync(ready.Agent, ready.Host, ready.Port, timeout, cancellation);

    public override ValueTask DisposeAsync() => _exchange.DisposeAsync();
}

internal sealed class HostedPeer(ServingEngine engine) : ServingPeer
{
    internal override PeerReady Ready => new(engine.Agent.Name, Environment.ProcessId, "", 0, engine.Tensors, engine.Bytes);

    internal override ValueTask<byte[]> FetchMetadataAsync(TimeSpan timeout, CancellationToken cancellation) => new(engine.Agent.ExportMetadata());

    public override ValueTask DisposeAsync() => engine.DisposeAsync();
}

/// <summary>An engine in a process of its own, which ends with its stdin.</summary>
internal sealed class ChildPeer : ServingPeer
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly Process _process;
    private readonly DistantPeer _peer;

    private ChildPeer(Process process, PeerReady ready) => (_process, _peer) = (process, new DistantPeer(ready));

    internal override PeerReady Ready => _peer.Ready;

    /// <exception cref="WeightsException">It did not start in time, or ended.</exception>
    internal static async Task<ChildPeer> StartProcessAsync(string model, NixlTransports transport, TimeSpan timeout, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        // Started with "dotnet x.dll" or as a program of its own: start another of the same. Under a test host it is the assembly all the same.
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is not known.");
        var assembly = typeof(ChildPeer).Assembly;
        start.FileName = Path.GetFileNameWithoutExtension(self) == assembly.GetName().Name ? self : "dotnet";
        if (start.FileName != self) start.ArgumentList.Add(assembly.Location);
        foreach (var argument in (ReadOnlySpan<string>)[
            "serve", "--model", model, "--transport", transport.ToString(), "--timeout", timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)])
            start.ArgumentList.Add(argument);
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        try
        {
            var line = await process.StandardOutput.ReadLineAsync(cancellation).AsTask().WaitAsync(timeout, cancellation);
            var ready = line is null ? null : JsonSerializer.Deserialize(line, WeightsJson.Default.PeerReady);
            return new ChildPeer(process, ready ?? throw new WeightsException("The serving engine ended before it was ready; what it said is above."));
        }
        catch
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
            throw;
        }
    }

    internal override ValueTask<byte[]> FetchMetadataAsync(TimeSpan timeout, CancellationToken cancellation) => _peer.FetchMetadataAsync(timeout, cancellation);

    /// <summary>For tests: what a crash does.</summary>
    internal void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public override async ValueTask DisposeAsync()
    {
        await _peer.DisposeAsync();
        _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(Grace);
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
        }
        _process.Dispose();
    }
}
