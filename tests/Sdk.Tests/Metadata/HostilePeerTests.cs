using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Tests.Metadata;

/// <summary>The other end of a direct exchange hangs, lies, or does not speak the protocol.</summary>
public sealed class HostilePeerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_server_that_says_nothing_ends_in_a_timeout()
    {
        using var silent = Listen();
        await using var client = new DirectMetadataExchange(new() { Listen = null });
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await client.FetchAsync("a", "127.0.0.1", Port(silent), TimeSpan.FromMilliseconds(300)).AsTask().WaitAsync(Patience));
        Assert.Equal(NixlStatus.Timeout, error.Status);
        Assert.Contains($"127.0.0.1:{Port(silent)}", error.Message, StringComparison.Ordinal);
        Assert.Contains("said nothing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_for_a_silent_server()
    {
        using var silent = Listen();
        await using var client = new DirectMetadataExchange(new() { Listen = null });
        using var cancel = new CancellationTokenSource();
        var fetch = client.FetchAsync("a", "127.0.0.1", Port(silent), Patience, cancel.Token).AsTask();
        await Task.Delay(50);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch.WaitAsync(Patience));
    }

    [Fact]
    public async Task Disposing_ends_the_wait_for_a_silent_server()
    {
        using var silent = Listen();
        var client = new DirectMetadataExchange();
        var fetch = client.FetchAsync("a", "127.0.0.1", Port(silent), Patience).AsTask();
        await Task.Delay(50);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => fetch.WaitAsync(Patience));
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n")]
    [InlineData("\u0005\0\0\0\u0002abcd")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0")]
    public async Task A_server_that_speaks_something_else_is_refused_at_once(string answer)
    {
        using var server = Listen();
        var serving = AnswerAsync(server, System.Text.Encoding.Latin1.GetBytes(answer));
        await using var client = new DirectMetadataExchange(new() { Listen = null });
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await client.FetchAsync("a", "127.0.0.1", Port(server), Patience).AsTask().WaitAsync(Patience));
        Assert.Equal(NixlStatus.Mismatch, error.Status);
        await serving;
    }

    [Fact]
    public async Task A_server_that_claims_four_gigabytes_is_refused_at_once()
    {
        using var server = Listen();
        var serving = AnswerAsync(server, [0xFF, 0xFF, 0xFF, 0xFF, 2]);
        await using var client = new DirectMetadataExchange(new() { Listen = null });
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await client.FetchAsync("a", "127.0.0.1", Port(server), Patience).AsTask().WaitAsync(Patience));
        Assert.Equal(NixlStatus.Mismatch, error.Status);
        Assert.Contains("4294967295", error.Message, StringComparison.Ordinal);
        await serving;
    }

    [Fact]
    public async Task Metadata_beyond_the_cap_is_refused()
    {
        await using var server = new DirectMetadataExchange();
        await server.PublishAsync("a", () => new byte[10_000]);
        await using var client = new DirectMetadataExchange(new() { Listen = null, MaxBytes = 9_999 });
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await client.FetchAsync("a", "127.0.0.1", server.Endpoint!.Port, Patience).AsTask().WaitAsync(Patience));
        Assert.Equal(NixlStatus.Mismatch, error.Status);
    }

    [Fact]
    public async Task A_client_that_hangs_is_thrown_out_and_the_others_are_served()
    {
        await using var server = new DirectMetadataExchange(new() { ConnectionTimeout = TimeSpan.FromMilliseconds(300), MaxConnections = 2 });
        await server.PublishAsync("a", () => [1]);
        using var first = await ConnectAsync(server);
        using var second = await ConnectAsync(server);
        Assert.Equal([1], await server.FetchAsync("a", "127.0.0.1", server.Endpoint!.Port, Patience));
        Assert.Equal(0, await first.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        Assert.Equal(0, await second.ReceiveAsync(new byte[1]).WaitAsync(Patience));
    }

    [Fact]
    public async Task Garbage_ends_its_own_connection_only()
    {
        await using var server = new DirectMetadataExchange(new() { Key = Samples.Key });
        await server.PublishAsync("a", () => [1]);
        for (var seed = 0; seed < 50; seed++)
        {
            using var socket = await ConnectAsync(server);
            await socket.SendAsync(Samples.RandomBytes(seed, 200));
            socket.Shutdown(SocketShutdown.Send);
            await DrainAsync(socket);
        }
        Assert.Equal([1], await server.FetchAsync("a", "127.0.0.1", server.Endpoint!.Port, Patience));
    }

    [Fact]
    public async Task A_hello_longer_than_its_cap_is_not_read()
    {
        await using var server = new DirectMetadataExchange();
        using var socket = await ConnectAsync(server);
        var frame = new byte[5];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, 100_000_000);
        frame[4] = 1;
        await socket.SendAsync(frame);
        var answer = await DrainAsync(socket);
        Assert.Equal(5, answer[4]); // a refusal, and then the end
    }

    [Fact]
    public async Task A_replayed_request_gets_nothing()
    {
        // Everything a client with the key once sent, sent again by somebody who only listened.
        await using var server = new DirectMetadataExchange(new() { Key = Samples.Key });
        await server.PublishAsync("a", () => [42]);
        using var proxy = Listen();
        var recording = RecordAsync(proxy, server.Endpoint!.Port);
        await using var client = new DirectMetadataExchange(new() { Key = Samples.Key, Listen = null });
        Assert.Equal([42], await client.FetchAsync("a", "127.0.0.1", Port(proxy), Patience));
        var recorded = await recording.WaitAsync(Patience);

        using var socket = await ConnectAsync(server);
        await socket.SendAsync(recorded);
        socket.Shutdown(SocketShutdown.Send);
        var answer = await DrainAsync(socket);
        var challenge = 4 + BinaryPrimitives.ReadInt32LittleEndian(answer);
        Assert.Equal(5, answer[challenge + 4]);
        Assert.Equal((int)NixlStatus.Permission, BinaryPrimitives.ReadInt32LittleEndian(answer.AsSpan(challenge + 5)));
    }

    [Fact]
    public async Task Metadata_changed_on_its_way_is_refused()
    {
        await using var server = new DirectMetadataExchange(new() { Key = Samples.Key });
        await server.PublishAsync("a", () => [42]);
        using var proxy = Listen();
        var recording = RecordAsync(proxy, server.Endpoint!.Port, corruptLast: true);
        await using var client = new DirectMetadataExchange(new() { Key = Samples.Key, Listen = null });
        var error = await Assert.ThrowsAsync<MetadataExchangeException>(async () =>
            await client.FetchAsync("a", "127.0.0.1", Port(proxy), Patience).AsTask().WaitAsync(Patience));
        Assert.Equal(NixlStatus.Permission, error.Status);
        await recording.WaitAsync(Patience);
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static int Port(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    private static async Task<Socket> ConnectAsync(DirectMetadataExchange exchange)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(exchange.Endpoint!);
        return socket;
    }

    private static async Task AnswerAsync(Socket listener, byte[] answer)
    {
        using var socket = await listener.AcceptAsync();
        await socket.SendAsync(answer);
        socket.Shutdown(SocketShutdown.Send);
        await DrainAsync(socket);
    }

    private static async Task<byte[]> DrainAsync(Socket socket)
    {
        using var received = new MemoryStream();
        var buffer = new byte[4096];
        try
        {
            for (int count; (count = await socket.ReceiveAsync(buffer).WaitAsync(Patience)) > 0;) received.Write(buffer, 0, count);
        }
        catch (SocketException)
        {
            // Reset by an end that closed with our bytes unread; what came before counts.
        }
        return received.ToArray();
    }

    /// <summary>Forwards one connection frame by frame and returns what the client sent.</summary>
    private static async Task<byte[]> RecordAsync(Socket listener, int port, bool corruptLast = false)
    {
        using var client = await listener.AcceptAsync();
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await server.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        using var recorded = new MemoryStream();
        for (var round = 0; round < 2; round++)
        {
            var request = await FrameAsync(client);
            recorded.Write(request);
            await server.SendAsync(request);
            var answer = await FrameAsync(server);
            if (round == 1 && corruptLast) answer[^1] ^= 1;
            await client.SendAsync(answer);
        }
        return recorded.ToArray();
    }

    private static async Task<byte[]> FrameAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: false);
        var length = new byte[4];
        await stream.ReadExactlyAsync(length);
        var body = new byte[BinaryPrimitives.ReadInt32LittleEndian(length)];
        await stream.ReadExactlyAsync(body);
        return [.. length, .. body];
    }
}
