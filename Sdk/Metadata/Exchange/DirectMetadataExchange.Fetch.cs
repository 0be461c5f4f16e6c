using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Nixl.Sdk.Metadata;

public sealed partial class DirectMetadataExchange
{
    /// <inheritdoc/>
    public ValueTask<byte[]> FetchAsync(string agent, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ExchangeChecks.Name(agent);
        ExchangeChecks.Timeout(timeout);
        return FetchAsync(agent, EndpointOf(agent), timeout, cancellationToken);
    }

    /// <summary>Gets a peer's metadata from where its exchange listens, waiting until it is offered there.</summary>
    /// <param name="agent">The peer's name.</param>
    /// <param name="host">Host name or address.</param>
    /// <param name="port">Port, 1 to 65,535.</param>
    /// <param name="timeout">Longest wait, over all attempts; must be positive.</param>
    /// <param name="cancellationToken">Gives up earlier.</param>
    /// <exception cref="MetadataExchangeException">It could not be had. A peer that is not there yet, or not yet published,
    /// is asked again until the time-out; a failed authentication or another protocol is final at once.</exception>
    public ValueTask<byte[]> FetchAsync(string agent, string host, int port, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ExchangeChecks.Name(agent);
        ExchangeChecks.Timeout(timeout);
        return FetchAsync(agent, MakeEndpoint(host, port), timeout, cancellationToken);
    }

    /// <summary>Asks once: whoever calls has pauses of its own between attempts.</summary>
    /// <param name="agent">The peer's name.</param>
    /// <param name="host">Null for where <see cref="AddPeer"/> says.</param>
    /// <param name="port">Port, 1 to 65,535; 0 without a host.</param>
    /// <param name="timeout">Longest wait.</param>
    /// <param name="cancellationToken">Gives up earlier.</param>
    internal async ValueTask<byte[]> FetchOnceAsync(string agent, string? host, int port, TimeSpan timeout, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var endpoint = host is null ? EndpointOf(agent) : MakeEndpoint(host, port);
        using var deadline = new CancellationTokenSource(timeout, _options.TimeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stopping.Token, cancellationToken);
        try
        {
            return await FetchOnceAsync(agent, endpoint, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw GaveUp(agent, endpoint, timeout, null, cancellationToken);
        }
    }

    private DnsEndPoint EndpointOf(string agent) => _peers.TryGetValue(agent, out var endpoint) ? endpoint : throw new MetadataExchangeException(
        NixlStatus.NotFound, $"It is not known where agent '{agent}' listens; call AddPeer(\"{agent}\", host, port) first.", agent);

    private async ValueTask<byte[]> FetchAsync(string agent, DnsEndPoint endpoint, TimeSpan timeout, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        using var deadline = new CancellationTokenSource(timeout, _options.TimeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stopping.Token, cancellationToken);
        MetadataExchangeException? last = null;
        while (true)
        {
            try
            {
                return await FetchOnceAsync(agent, endpoint, linked.Token).ConfigureAwait(false);
            }
            catch (MetadataExchangeException error) when (error.Status is NixlStatus.NotFound or NixlStatus.Busy or NixlStatus.RemoteDisconnect)
            {
                last = error; // it may still come
            }
            catch (OperationCanceledException)
            {
                throw GaveUp(agent, endpoint, timeout, last, cancellationToken);
            }

            try
            {
                await Task.Delay(_options.RetryInterval, _options.TimeProvider, linked.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw GaveUp(agent, endpoint, timeout, last, cancellationToken);
            }
        }
    }

    private Exception GaveUp(string agent, DnsEndPoint endpoint, TimeSpan timeout, MetadataExchangeException? last, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested) return new OperationCanceledException(cancellationToken);
        if (_disposed != 0) return new ObjectDisposedException(nameof(DirectMetadataExchange));
        return new MetadataExchangeException(NixlStatus.Timeout,
            $"The metadata of agent '{agent}' did not come from {endpoint.Host}:{endpoint.Port} within {timeout}. " +
            (last is null ? "The other end accepted the connection and then said nothing." : $"Last answer: {last.Message}"), agent, last);
    }

    private async ValueTask<byte[]> FetchOnceAsync(string agent, DnsEndPoint endpoint, CancellationToken cancellationToken)
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);
            Stream stream = new NetworkStream(socket, ownsSocket: false);
            await using (stream.ConfigureAwait(false))
            {
                if (_options.ClientTls is null) return await AskAsync(stream, agent, cancellationToken).ConfigureAwait(false);
                var tls = new SslStream(stream, leaveInnerStreamOpen: true);
                await using (tls.ConfigureAwait(false))
                {
                    await tls.AuthenticateAsClientAsync(_options.ClientTls, cancellationToken).ConfigureAwait(false);
                    return await AskAsync(tls, agent, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (ExchangeAuthenticationException error)
        {
            throw Failure(NixlStatus.Permission, error);
        }
        catch (AuthenticationException error)
        {
            throw Failure(NixlStatus.Permission, error);
        }
        catch (InvalidDataException error)
        {
            throw Failure(NixlStatus.Mismatch, error);
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            throw Failure(NixlStatus.RemoteDisconnect, error);
        }

        MetadataExchangeException Failure(NixlStatus status, Exception error) =>
            new(status, $"Fetching the metadata of agent '{agent}' from {endpoint.Host}:{endpoint.Port}: {error.Message}", agent, error);
    }

    private async ValueTask<byte[]> AskAsync(Stream stream, string agent, CancellationToken cancellationToken)
    {
        var clientNonce = RandomNumberGenerator.GetBytes(ExchangeHandshake.NonceBytes);
        await ExchangeFrame.WriteAsync(stream, ExchangeFrameKind.Hello, ExchangeHandshake.Hello(clientNonce), cancellationToken).ConfigureAwait(false);
        var (kind, body) = await ExchangeFrame.ReadAsync(stream, ExchangeFrame.SmallBody, cancellationToken).ConfigureAwait(false);
        ThrowIfRejected(kind, body, agent);
        Expect(ExchangeFrameKind.Challenge, kind);
        var serverNonce = ExchangeHandshake.ReadChallenge(_options.Key, clientNonce, body);

        var request = ExchangeHandshake.Request(_options.Key, clientNonce, serverNonce, agent);
        await ExchangeFrame.WriteAsync(stream, ExchangeFrameKind.Request, request, cancellationToken).ConfigureAwait(false);
        (kind, body) = await ExchangeFrame.ReadAsync(stream, _options.MaxBytes + ExchangeHandshake.ProofBytes, cancellationToken).ConfigureAwait(false);
        ThrowIfRejected(kind, body, agent);
        Expect(ExchangeFrameKind.Metadata, kind);
        return ExchangeHandshake.ReadMetadata(_options.Key, clientNonce, serverNonce, body);
    }

    private static void ThrowIfRejected(ExchangeFrameKind kind, byte[] body, string agent)
    {
        if (kind != ExchangeFrameKind.Reject) return;
        var (status, text) = ExchangeHandshake.ReadReject(body);
        // A refusal can only be one of the kinds of this protocol; anything else would let a peer choose our exception.
        if (status is not (NixlStatus.NotFound or NixlStatus.Busy or NixlStatus.Permission or NixlStatus.Closed)) status = NixlStatus.Mismatch;
        throw new MetadataExchangeException(status, $"The peer refused to give the metadata of agent '{agent}': {text}.", agent);
    }
}
