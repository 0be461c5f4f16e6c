using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Nixl.Sdk.Metadata;

/// <summary>
/// Exchanges metadata straight between two processes over TCP; needs no server beside them. Listens on loopback unless told
/// otherwise, and with a pre-shared key or TLS both ends know whom they talk to.
/// </summary>
/// <remarks>Thread-safe. One instance serves all agents of a process.</remarks>
public sealed partial class DirectMetadataExchange : IMetadataExchange
{
    private const int Backlog = 512;

    private readonly DirectMetadataExchangeOptions _options;
    private readonly ConcurrentDictionary<string, Func<byte[]>> _sources = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DnsEndPoint> _peers = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Socket? _listener;
    private readonly Task _accepting;
    private int _disposed;

    /// <summary>Opens the listener, if there is to be one.</summary>
    /// <exception cref="ArgumentException">The options contradict each other or are unsafe.</exception>
    /// <exception cref="MetadataExchangeException">The address cannot be listened on.</exception>
    public DirectMetadataExchange(DirectMetadataExchangeOptions? options = null)
    {
        _options = options ?? new DirectMetadataExchangeOptions();
        _options.Validate();
        if (_options.Listen is null)
        {
            _accepting = Task.CompletedTask;
            return;
        }

        _listener = new Socket(_options.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _listener.Bind(_options.Listen);
            _listener.Listen(Backlog);
        }
        catch (SocketException error)
        {
            _listener.Dispose();
            throw new MetadataExchangeException(NixlStatus.Backend,
                $"Cannot listen for metadata on {_options.Listen}: {error.Message}. Choose another address or port 0 for a free one.", inner: error);
        }
        Endpoint = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Where this exchange listens, with the port that it got; null if it does not.</summary>
    public IPEndPoint? Endpoint { get; }

    /// <summary>Says where a peer's exchange listens, for <see cref="FetchAsync(string, TimeSpan, CancellationToken)"/>.</summary>
    /// <param name="agent">The peer's name.</param>
    /// <param name="host">Host name or address.</param>
    /// <param name="port">Port, 1 to 65,535.</param>
    public void AddPeer(string agent, string host, int port)
    {
        ExchangeChecks.Name(agent);
        _peers[agent] = MakeEndpoint(host, port);
    }

    /// <inheritdoc/>
    public ValueTask PublishAsync(string agent, Func<byte[]> source, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ExchangeChecks.Name(agent);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (_listener is null)
            throw new InvalidOperationException("This exchange has no listener (Listen is null), so it cannot publish.");
        cancellationToken.ThrowIfCancellationRequested();
        _sources[agent] = source;
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask WithdrawAsync(string agent, CancellationToken cancellationToken = default)
    {
        ExchangeChecks.Name(agent);
        _sources.TryRemove(agent, out _);
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes the listener and all connections, and waits until the last is gone.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _accepting.ConfigureAwait(false);
            return;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        _listener?.Dispose();
        await _accepting.ConfigureAwait(false);
        _sources.Clear();
        _stopping.Dispose();
    }

    internal static DnsEndPoint MakeEndpoint(string host, int port)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(host);
        if (port is < 1 or > IPEndPoint.MaxPort)
            throw new ArgumentOutOfRangeException(nameof(port), port, "A port is between 1 and 65535.");
        return new DnsEndPoint(host, port);
    }
}
