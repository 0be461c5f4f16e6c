using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Stands between router and engine and cuts the connection of a request after so many bytes of its answer, wherever that is.</summary>
internal sealed class CutProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IPEndPoint _target;
    private readonly Func<int?> _next;

    /// <param name="target">The engine.</param>
    /// <param name="next">Asked at each request: after how many bytes it is cut; null for never.</param>
    internal CutProxy(Uri target, Func<int?> next)
    {
        (_target, _next) = (new IPEndPoint(IPAddress.Loopback, target.Port), next);
        _listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _ = AcceptAsync();
    }

    internal Uri Url { get; }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var near = client;
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        var left = new StrongBox();
        try
        {
            await far.ConnectAsync(_target);
            await Task.WhenAny(PumpAsync(near, far, left, isRequest: true), PumpAsync(far, near, left, isRequest: false));
        }
        catch (SocketException)
        {
            // The engine is gone.
        }
        near.LingerState = new LingerOption(true, 0); // a reset, as from a process that was killed
    }

    private async Task PumpAsync(Socket from, Socket to, StrongBox left, bool isRequest)
    {
        var buffer = new byte[4096];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                if (isRequest && Encoding.ASCII.GetString(buffer, 0, count).StartsWith("POST /engine/generate", StringComparison.Ordinal)) left.Value = _next();
                if (!isRequest && left.Value is { } limit)
                {
                    var pass = Math.Min(limit, count);
                    if (pass > 0) await to.SendAsync(buffer.AsMemory(0, pass));
                    if (pass == limit) return;
                    left.Value = limit - pass;
                }
                else await to.SendAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One of the ends is gone, and so is the other now.
        }
    }

    public void Dispose() => _listener.Dispose();

    private sealed class StrongBox
    {
        internal int? Value { get; set; }
    }
}
