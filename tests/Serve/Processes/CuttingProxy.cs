using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Nixl.Sdk.Serve;

/// <summary>
/// A TCP proxy on the loopback interface whose connections can be cut: a network that fails between two programs that live. What it is connected
/// to may change, as a restarted engine listens on another port. Thread-safe.
/// </summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, Socket> _pairs = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private volatile IPEndPoint? _target;

    internal CuttingProxy()
    {
        _listener.Start();
        Url = new Uri($"http://{_listener.LocalEndpoint}");
        _loop = Task.Run(AcceptAsync);
    }

    /// <summary>What others connect to.</summary>
    internal Uri Url { get; }

    /// <summary>Connections at this moment.</summary>
    internal int Connections => _pairs.Count;

    /// <summary>Connections that were cut since the start.</summary>
    internal int Cuts { get; private set; }

    /// <summary>Where new connections lead; null: nowhere, they are closed at once.</summary>
    internal void LeadTo(Uri? target) => _target = target is null ? null : new IPEndPoint(IPAddress.Parse(target.Host), target.Port);

    /// <summary>Cuts those connections that are chosen: each side sees a reset in the middle of whatever was said.</summary>
    internal int Cut(Func<bool> choose)
    {
        var cut = 0;
        foreach (var (from, to) in _pairs)
        {
            if (!choose()) continue;
            cut++;
            Reset(from);
            Reset(to);
        }
        Cuts += cut;
        return cut;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut(() => true);
        await _loop;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket accepted;
            try
            {
                accepted = await _listener.AcceptSocketAsync(_stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
            {
                if (_stop.IsCancellationRequested) return;
                continue;
            }
            _ = Task.Run(() => ServeAsync(accepted));
        }
    }

    private async Task ServeAsync(Socket from)
    {
        using var to = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            from.NoDelay = to.NoDelay = true;
            if (_target is not { } target) return;
            await to.ConnectAsync(target, _stop.Token);
            _pairs[from] = to;
            // Each direction ends on its own: half a connection may be closed while the other half still answers.
            await Task.WhenAll(PumpAsync(from, to), PumpAsync(to, from));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Nobody is there, or the connection was cut: the other side sees it, too.
        }
        finally
        {
            _pairs.TryRemove(from, out _);
            from.Dispose(); // what was sent last still arrives
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var count)
                for (var sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stop.Token);
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Reset(from);
            Reset(to);
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }
        socket.Dispose();
    }
}
