using Nixl.Sdk.Interop;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk;

// Metadata and peers.
public sealed partial class NixlAgent
{
    private readonly Lock _poolsSync = new();
    private readonly List<PoolAdvertisement> _pools = [];

    /// <summary>
    /// What a peer needs to reach this agent: identity, addresses, registrations, keys and pools. Export again after registering or
    /// deregistering memory. It grants access to all registered memory: give it to those who may have that.
    /// </summary>
    public byte[] ExportMetadata()
    {
        Runtime.Gate.Enter();
        try
        {
            var status = Runtime.Core.Export(out var blob);
            if (status < 0)
                throw Runtime.Core.Failure(status, "exporting metadata");
            var options = Runtime.MetadataOptions;
            var now = options.TimeProvider.GetUtcNow();
            PoolAdvertisement[] pools;
            lock (_poolsSync)
                pools = [.. _pools];
            return MetadataCodec.Encode(
                new AgentMetadata
                {
                    Agent = Name,
                    Incarnation = Incarnation,
                    IssuedAt = now,
                    ExpiresAt = options.Lifetime is { } lifetime ? now + lifetime : null,
                    Audience = options.Audience,
                    Pools = pools,
                    NativeBlob = blob,
                },
                options);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>Loads a peer's metadata and connects to it. For the same incarnation of a known peer it takes over changed registrations
    /// and returns the same object.</summary>
    /// <param name="metadata">What the peer's <see cref="ExportMetadata"/> returned; untrusted bytes are safe.</param>
    /// <param name="options">Transports and deadline.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="MetadataException">Unreadable, forged or expired metadata, or for somebody else.</exception>
    /// <exception cref="NixlInvalidArgumentException">It is this agent's own.</exception>
    /// <exception cref="NixlBackendException">No common transport reaches the peer; the message lists why.</exception>
    /// <exception cref="StalePeerException">The metadata is of an earlier incarnation of the peer.</exception>
    /// <exception cref="TransferTimeoutException">The deadline passed.</exception>
    public async ValueTask<RemoteAgent> ConnectAsync(
        ReadOnlyMemory<byte> metadata, ConnectOptions? options = null, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var transports = options?.Transports ?? Runtime.Options.Transports;
        var decoded = MetadataCodec.Decode(metadata.Span, Runtime.MetadataOptions, recipient: Name);
        var operation = new ConnectOperation(Runtime, decoded.Agent);
        try
        {
            await operation.StartAsync(
                decoded.NativeBlob.Span, transports, Durations.ToNanoseconds(options?.Timeout ?? TimeSpan.Zero), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            operation.Failed();
            throw;
        }
        var peer = operation.Peer;
        Runtime.Gate.Enter();
        try
        {
            CheckIdentity(peer, decoded);
            peer.Metadata = decoded;
            peer.Refresh();
            Runtime.RefreshNamesakes(peer);
        }
        finally
        {
            Runtime.Gate.Exit();
        }

        Runtime.Log.Connected(peer);
        if (SlowReason(peer, transports) is { } why)
            Runtime.Log.SlowTransport(peer, why);
        return peer;
    }

    /// <summary>
    /// Both parts of the metadata name an agent: the envelope, which brings the pools, and the core's blob, which brings the memory. Two
    /// agents' parts put together would write blocks of one by addresses of the other. Inside the gate.
    /// </summary>
    private void CheckIdentity(RemoteAgent peer, AgentMetadata envelope)
    {
        if (peer.Name == envelope.Agent && peer.Incarnation == envelope.Incarnation)
            return;
        if (!peer.HasMetadata && Runtime.Core.InvalidatePeer(peer.Id) >= 0)
            peer.SetState(PeerState.Invalidated); // Connected by this call only; nobody has it.
        throw new MetadataException(
            NixlStatus.Mismatch,
            $"Metadata of '{envelope.Agent}' (incarnation {envelope.Incarnation:x16}): its native part belongs to '{peer.Name}' " +
            $"(incarnation {peer.Incarnation:x16}). Two agents' metadata were put together; fetch the peer's anew.")
        { Peer = envelope.Agent };
    }

    /// <summary>
    /// Forgets a peer: its operations in flight end with <see cref="StalePeerException"/>, lists prepared for it cannot be posted any more.
    /// </summary>
    /// <param name="peer">A peer of this agent.</param>
    /// <exception cref="NixlNotFoundException">It was invalidated before.</exception>
    public void Invalidate(RemoteAgent peer)
    {
        CheckPeer(peer);
        Runtime.Gate.Enter();
        try
        {
            var status = Runtime.Core.InvalidatePeer(peer.Id);
            if (status < 0)
                throw NixlErrors.Create(Runtime.Core.LastError() with { Status = status, Peer = peer.Name }, $"invalidating '{peer.Name}'");
            peer.SetState(PeerState.Invalidated);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>Adds a pool to the metadata that is exported from now on.</summary>
    /// <exception cref="InvalidOperationException">A pool of that name is there already.</exception>
    internal void Advertise(PoolAdvertisement pool)
    {
        lock (_poolsSync)
        {
            if (_pools.Exists(known => known.Name == pool.Name))
                throw new InvalidOperationException($"Agent '{Name}' already has a pool named '{pool.Name}'; give each its own name.");
            _pools.Add(pool);
        }
    }

    /// <summary>Takes a pool out of the metadata that is exported from now on.</summary>
    internal void Withdraw(PoolAdvertisement pool)
    {
        lock (_poolsSync)
            _pools.Remove(pool);
    }

    /// <summary>A slow way that somebody may not have meant; null if there is nothing to warn about.</summary>
    private string? SlowReason(RemoteAgent peer, NixlTransports allowed)
    {
        if (peer.Transport != NixlTransports.Fabric)
            return null;
        if (peer.ProcessId != 0 && (allowed & NixlTransports.Local) != 0)
            return $"it is on this machine, but not reachable locally: {peer.Reason}";
        return peer.Provider.StartsWith("tcp", StringComparison.Ordinal) && string.IsNullOrEmpty(Runtime.Options.FabricProvider)
            ? "there was no RDMA device to use, so TCP carries the data (GetInfo says why)"
            : null;
    }
}
