using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>The demo's hold on its draft engine: a child process, or an engine in this process. Disposing it ends the engine.</summary>
internal abstract class DraftPeer : IAsyncDisposable
{
    private protected readonly CancellationTokenSource _exited = new();

    /// <summary>Cancelled once it can certainly write nothing any more.</summary>
    internal CancellationToken Exited => _exited.Token;

    internal abstract int ProcessId { get; }

    internal abstract void Kill();

    public abstract ValueTask DisposeAsync();
}

/// <summary>A draft engine in a process of its own, which ends with its stdin; its stderr is ours.</summary>
internal sealed class ChildDraft : DraftPeer
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(8);

    private readonly Process _process;

    internal ChildDraft(string verifier, IPEndPoint endpoint, DemoOptions options)
    {
        var start = new ProcessStartInfo { RedirectStandardInput = true, UseShellExecute = false };
        // Started with "dotnet x.dll" or as a program of its own: start another of the same. Under a test host it is the assembly all the same.
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is not known.");
        var assembly = typeof(ChildDraft).Assembly;
        start.FileName = Path.GetFileNameWithoutExtension(self) == assembly.GetName().Name ? self : "dotnet";
        if (start.FileName != self) start.ArgumentList.Add(assembly.Location);
        foreach (var argument in (ReadOnlySpan<string>)[
            "draft", "--verifier", verifier, "--host", endpoint.Address.ToString(), "--port", endpoint.Port.ToString(CultureInfo.InvariantCulture),
            "--draft-model", options.DraftModel, "--transport", options.Transport.ToString(), "--seed", (options.Seed + 7919).ToString(CultureInfo.InvariantCulture),
            "--timeout", options.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        ProcessId = _process.Id;
        _ = WatchAsync();
    }

    internal override int ProcessId { get; }

    internal override void Kill() => _process.Kill();

    public override async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(Grace);
        }
        catch (TimeoutException)
        {
            await Console.Error.WriteLineAsync($"The draft engine (process {ProcessId}) did not end within {Grace.TotalSeconds} s and is killed.");
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync().WaitAsync(Grace);
        }
        await _exited.CancelAsync();
        _process.Dispose();
    }

    private async Task WatchAsync()
    {
        await _process.WaitForExitAsync();
        await _exited.CancelAsync();
    }
}

/// <summary>A draft engine in this process: for the loopback transport, and for tests.</summary>
internal sealed class HostedDraft : DraftPeer
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    /// <param name="run">The engine; ends when cancelled.</param>
    internal HostedDraft(Func<CancellationToken, Task> run) => _running = Task.Run(() => run(_stop.Token));

    internal override int ProcessId => Environment.ProcessId;

    internal override void Kill() => throw new NotSupportedException("A draft engine in this process cannot be killed.");

    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _running;
        }
        catch (OperationCanceledException)
        {
            // Told to.
        }
        catch (NixlException)
        {
            // The verifier went first.
        }
        await _exited.CancelAsync();
        _stop.Dispose();
    }
}
