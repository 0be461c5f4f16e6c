using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Nixl.Sdk.Metadata;

public sealed partial class DirectMetadataExchange
{
    /// <summary>Runs until disposal; returns only after every connection has ended.</summary>
    private async Task AcceptAsync()
    {
        using var free = new SemaphoreSlim(_options.MaxConnections);
        var connections = new HashSet<Task>();
        while (!_stopping.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                // At the cap, clients wait in the kernel's queue; each of those before them has ConnectionTimeout at most.
                await free.WaitAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            try
            {
                socket = await _listener!.AcceptAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
            {
                break;
            }
            catch (SocketException)
            {
                // A connection that died in the queue, or no file descriptors: neither may end the listener.
                free.Release();
                await Task.Delay(TimeSpan.FromMilliseconds(10), CancellationToken.None).ConfigureAwait(false);
                continue;
            }

            connections.RemoveWhere(static connection => connection.IsCompleted);
            connections.Add(ServeAsync(socket, free));
        }
        await Task.WhenAll(connections).ConfigureAwait(false);
    }

    /// <summary>Never throws: whatever a client does ends its own connection only.</summary>
    private async Task ServeAsync(Socket socket, SemaphoreSlim free)
    {
        using var deadline = new CancellationTokenSource(_options.ConnectionTimeout, _options.TimeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stopping.Token);
        try
        {
            socket.NoDelay = true;
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            await using (stream.ConfigureAwait(false))
            {
                if (_options.ServerTls is null)
                {
                    await AnswerAsync(stream, linked.Token).ConfigureAwait(false);
                }
                else
                {
                    var tls = new SslStream(stream, leaveInnerStreamOpen: false);
                    await using (tls.ConfigureAwait(false))
                    {
                        await tls.AuthenticateAsServerAsync(_options.ServerTls, linked.Token).ConfigureAwait(false);
                        await AnswerAsync(tls, linked.Token).ConfigureAwait(false);
                    }
                }
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or AuthenticationException
                                          or ObjectDisposedException or InvalidOperationException)
        {
            // Hung, gone, or not one of ours.
        }
        finally
        {
            socket.Dispose();
            free.Release();
        }
    }

    private async Task AnswerAsync(Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            var (kind, body) = await ExchangeFrame.ReadAsync(stream, ExchangeFrame.SmallBody, cancellationToken).ConfigureAwait(false);
            Expect(ExchangeFrameKind.Hello, kind);
            var clientNonce = ExchangeHandshake.ReadHello(body);
            var serverNonce = RandomNumberGenerator.GetBytes(ExchangeHandshake.NonceBytes);
            var challenge = ExchangeHandshake.Challenge(_options.Key, clientNonce, serverNonce);
            await ExchangeFrame.WriteAsync(stream, ExchangeFrameKind.Challenge, challenge, cancellationToken).ConfigureAwait(false);

            (kind, body) = await ExchangeFrame.ReadAsync(stream, ExchangeFrame.SmallBody, cancellationToken).ConfigureAwait(false);
            Expect(ExchangeFrameKind.Request, kind);
            var agent = ExchangeHandshake.ReadRequest(_options.Key, clientNonce, serverNonce, body);
            if (!_sources.TryGetValue(agent, out var source))
            {
                await RejectAsync(stream, NixlStatus.NotFound, $"agent '{agent}' does not publish its metadata here", cancellationToken).ConfigureAwait(false);
                return;
            }
            var metadata = await ReadSourceAsync(stream, agent, source, cancellationToken).ConfigureAwait(false);
            if (metadata is null) return;
            var answer = ExchangeHandshake.Metadata(_options.Key, clientNonce, serverNonce, metadata);
            await ExchangeFrame.WriteAsync(stream, ExchangeFrameKind.Metadata, answer, cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidDataException error)
        {
            await RejectAsync(stream, NixlStatus.Mismatch, error.Message, cancellationToken).ConfigureAwait(false);
        }
        catch (ExchangeAuthenticationException error)
        {
            await RejectAsync(stream, NixlStatus.Permission, error.Message, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The source is the user's code: an agent that is closing throws, and that must not end the listener.</summary>
    private static async ValueTask<byte[]?> ReadSourceAsync(Stream stream, string agent, Func<byte[]> source, CancellationToken cancellationToken)
    {
        try
        {
            return source();
        }
#pragma warning disable CA1031 // any failure of the source is told to the client
        catch (Exception error)
#pragma warning restore CA1031
        {
            await RejectAsync(stream, NixlStatus.Closed, $"agent '{agent}' cannot export its metadata: {error.GetType().Name}", cancellationToken).ConfigureAwait(false);
            return null;
        }
    }

    private static async ValueTask RejectAsync(Stream stream, NixlStatus status, string text, CancellationToken cancellationToken) =>
        await ExchangeFrame.WriteAsync(stream, ExchangeFrameKind.Reject, ExchangeHandshake.Reject(status, text), cancellationToken).ConfigureAwait(false);

    private static void Expect(ExchangeFrameKind wanted, ExchangeFrameKind got)
    {
        if (got != wanted) throw new InvalidDataException($"a {wanted} frame was expected and kind {(byte)got} came");
    }
}
