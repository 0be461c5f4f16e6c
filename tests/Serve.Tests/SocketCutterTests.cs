using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Nixl.Sdk.Serve.Tests;

/// <summary>Connections of another process are cut, and only those that are meant.</summary>
public sealed class SocketCutterTests : IAsyncDisposable
{
    private const int Http = 1, Router = 2; // ports that nobody in this test has
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _ours = [];
    private readonly List<Process> _others = [];

    [SkippableFact]
    public async Task A_connection_of_another_process_ends_at_both_and_its_other_connections_do_not()
    {
        var process = await ConnectAsync(connections: 2);
        SkipIfNot(process);
        var cutter = new SocketCutter(Router);
        var first = true;
        Assert.Equal(1, cutter.Cut(process.Id, Http, CutKind.Data, () => first && !(first = false)));
        // One of our two ends sees the end; what is said on the other one still comes through.
        var reads = _ours.Select(socket => socket.ReceiveAsync(new byte[16]).WaitAsync(Soon)).ToList();
        Assert.Equal(0, await await Task.WhenAny(reads));
        var living = _ours[reads.FindIndex(read => !read.IsCompleted)];
        await living.SendAsync(Encoding.ASCII.GetBytes("still here\n"));
        Assert.Equal("still here", await process.StandardOutput.ReadLineAsync().WaitAsync(Soon));
        Assert.Equal(1, cutter.Cut(process.Id, Http, CutKind.Data, () => true));
        Assert.All(await Task.WhenAll(reads), count => Assert.Equal(0, count));
        Assert.Equal("end end", await process.StandardOutput.ReadLineAsync().WaitAsync(Soon)); // and so does the process itself
    }

    [SkippableFact]
    public async Task Connections_are_told_apart_by_their_ports_and_by_who_looks_after_them()
    {
        var process = await ConnectAsync(connections: 1);
        SkipIfNot(process);
        var (port, here) = (((IPEndPoint)_listener.LocalEndpoint).Port, ((IPEndPoint)_ours[0].RemoteEndPoint!).Port);
        Assert.Equal([0, 0, 1], Seen(new SocketCutter(Router), process, Http));
        Assert.Equal([1, 0, 0], Seen(new SocketCutter(port), process, Http)); // it announces itself there
        Assert.Equal([1, 0, 0], Seen(new SocketCutter(Router), process, here)); // it is asked there
        using var own = Process.GetCurrentProcess();
        var before = Seen(new SocketCutter(Router), own, Http)[(int)CutKind.Control];
        _ours[0].SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        Assert.Equal(before + 1, Seen(new SocketCutter(Router), own, Http)[(int)CutKind.Control]);
    }

    [Fact]
    public void A_process_that_is_gone_has_no_connections()
    {
        using var process = Process.Start(new ProcessStartInfo("true"))!;
        var id = process.Id;
        process.WaitForExit();
        Assert.Null(SocketCutter.WhyNot(id));
        Assert.Equal(0, new SocketCutter(Router).Cut(id, Http, CutKind.Data, () => true));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var socket in _ours) socket.Dispose();
        _listener.Dispose();
        foreach (var process in _others)
        {
            if (!process.HasExited) process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    private static int[] Seen(SocketCutter cutter, Process process, int http) => [.. Enum.GetValues<CutKind>().Select(kind =>
    {
        var seen = 0;
        cutter.Cut(process.Id, http, kind, () => seen++ < 0); // none is cut
        return seen;
    })];

    private static void SkipIfNot(Process process)
    {
        if (SocketCutter.WhyNot(process.Id) is { } why) Skip.If(true, why);
    }

    /// <summary>A process that is connected to us, prints what comes, and says when every connection has ended.</summary>
    private async Task<Process> ConnectAsync(int connections)
    {
        _listener.Start();
        var port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        var descriptors = Enumerable.Range(3, connections).ToArray();
        var open = string.Concat(descriptors.Select(descriptor => $"exec {descriptor}<>/dev/tcp/127.0.0.1/{port}; "));
        // Reads of all at once: each prints its lines, and the end of each is waited for.
        var read = string.Concat(descriptors.Select(descriptor => $"cat <&{descriptor} & "));
        var start = new ProcessStartInfo("bash", ["-c", $"{open}{read}wait; echo {string.Join(' ', descriptors.Select(_ => "end"))}"]) { RedirectStandardOutput = true };
        var process = Process.Start(start)!;
        _others.Add(process);
        for (var i = 0; i < connections; i++) _ours.Add(await _listener.AcceptSocketAsync().WaitAsync(Soon));
        return process;
    }
}
