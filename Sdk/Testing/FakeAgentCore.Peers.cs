using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

// Connecting, invalidating, losing peers.
internal sealed partial class FakeAgentCore
{
    private readonly Dictionary<ulong, FakePeer> _peers = [];

    public override NixlStatus ConnectPeer(
        ReadOnlySpan<byte> metadata, NixlTransports transports, ulong timeoutNs, ulong userData, out ulong peer)
    {
        peer = 0;
        if (!FakeBlob.TryDecode(metadata, out var blob))
            return Fail(NixlStatus.Mismatch, $"these bytes are not the metadata of an agent with a FakeTransport");
        if (blob.Name == Name)
            return Fail(NixlStatus.InvalidParameter, $"this is the metadata of an agent with this agent's own name", blob.Name);
        lock (_network.Sync)
        {
            if (blob.Network != _network.Id)
                return Fail(NixlStatus.Backend, $"no transport reaches this peer: it is on another FakeTransport instance", blob.Name);
            FakePeer? known = null;
            foreach (var candidate in _peers.Values)
            {
                if (candidate.Blob.Name == blob.Name && !candidate.IsFinal)
                    known = candidate;
            }

            if (known is not null && known.Blob.Incarnation == blob.Incarnation)
            {
                known.Blob = blob;
                peer = known.Id;
                AddConnected(userData, peer, NixlStatus.Success);
                return NixlStatus.Success;
            }

            if (known is not null)
            {
                End(known, PeerState.Invalidated, NixlStatus.StalePeer, "the agent has been started again: its incarnation changed");
                AddPeerState(known);
            }

            var target = _network.Has(this) ? _network.Find(blob.Name) : null; // one that was cut off reaches nobody, too
            var status = target is null ? NixlStatus.RemoteDisconnect
                : target.Incarnation != blob.Incarnation ? NixlStatus.StalePeer
                : NixlStatus.Success;
            peer = _network.NextConnection();
            var made = new FakePeer(peer, target ?? this, blob);
            if (status < 0)
            {
                made.State = PeerState.Disconnected;
                made.Reason = target is null
                    ? "no such agent on this FakeTransport; it was disposed or disconnected"
                    : "the metadata is of an earlier incarnation; fetch it again";
            }

            _peers.Add(peer, made);
            AddConnected(userData, peer, status);
            return NixlStatus.Success;
        }
    }

    public override NixlStatus InvalidatePeer(ulong peer)
    {
        lock (_network.Sync)
        {
            if (!_peers.TryGetValue(peer, out var known) || known.State == PeerState.Invalidated)
                return Fail(NixlStatus.NotFound, $"no such peer, or it has been invalidated before");
            End(known, PeerState.Invalidated, NixlStatus.StalePeer, "the peer was invalidated by this agent");
            AddPeerState(known);
            return NixlStatus.Success;
        }
    }

    public override int ReadRails(ulong peer, Span<NativeRailInfo> rails) => 0;

    public override unsafe NixlStatus PeerInfo(ulong peer, ref NativePeerInfo info)
    {
        lock (_network.Sync)
        {
            if (!_peers.TryGetValue(peer, out var known))
                return Fail(NixlStatus.NotFound, $"no such peer");
            info = new NativePeerInfo
            {
                Incarnation = known.Blob.Incarnation,
                State = (uint)known.State,
                Transport = (uint)NixlTransports.Loopback,
                Regions = (ulong)known.Blob.Regions.Length,
                ProcessId = (ulong)Environment.ProcessId,
            };
            fixed (NativePeerInfo* p = &info)
            {
                NativeText.Write(p->Name, NativeConstants.NameMax + 8, known.Blob.Name);
                NativeText.Write(p->TransportVersion, 64, "FakeTransport");
                NativeText.Write(p->Provider, 64, "fake");
                NativeText.Write(p->Reason, NativeConstants.TextMax, known.Reason);
            }

            return NixlStatus.Success;
        }
    }

    /// <summary>Under the lock. Connections to one agent, or (null) all, are cut.</summary>
    public void LosePeers(FakeAgentCore? target, string reason)
    {
        foreach (var peer in _peers.Values)
        {
            if (peer.IsFinal || (target is not null && peer.Target != target))
                continue;
            End(peer, PeerState.Disconnected, NixlStatus.RemoteDisconnect, reason);
            AddPeerState(peer);
        }
    }

    private static NixlStatus FailPeer(FakePeer peer) => peer.State == PeerState.Invalidated
        ? Fail(
            NixlStatus.StalePeer, $"the peer was invalidated or has been started again; connect with its newer metadata", peer.Blob.Name)
        : Fail(NixlStatus.RemoteDisconnect, $"the peer is gone; connect again with its newer metadata", peer.Blob.Name);

    private void End(FakePeer peer, PeerState state, NixlStatus status, string reason)
    {
        peer.State = state;
        peer.Reason = reason;
        for (var i = _pending.Count - 1; i >= 0; i--)
        {
            if (_pending[i].Peer == peer)
                Settle(i, status, quiesced: true);
        }
    }

    private void AddConnected(ulong userData, ulong peer, NixlStatus status) => AddEvent(new NativeEvent
    {
        UserData = userData,
        Kind = (uint)NativeEventKind.PeerConnected,
        Flags = (uint)(NativeEventFlags.Outcome | NativeEventFlags.Quiesced),
        Status = (int)status,
        Peer = peer,
        Entry = ulong.MaxValue,
        SettledNs = NowNs(),
    });

    private void AddPeerState(FakePeer peer) => AddEvent(new NativeEvent
    {
        UserData = ulong.MaxValue, Kind = (uint)NativeEventKind.PeerState, Peer = peer.Id, Entry = ulong.MaxValue, SettledNs = NowNs(),
    });
}
