namespace Nixl.Sdk.Serving;

// What nobody sends a message about: deadlines, silence, peers that are gone.
public sealed partial class KvConnector
{
    /// <summary>
    /// A peer's process is gone, and that is certain: its supervisor has waited for it, or its host is down. Everything that it could touch is
    /// free again. A lost connection alone is not that; for a peer on this machine over the local transport the connector finds out by itself.
    /// </summary>
    /// <param name="peer">The peer, with the incarnation that is gone.</param>
    /// <returns>The number of accesses that it ended.</returns>
    public int PeerExited(PeerIdentity peer)
    {
        var ended = 0;
        lock (_exited) _exited.Add(peer);
        Interlocked.MemoryBarrier(); // see Given
        foreach (var link in _given.Values)
        {
            if (link.Identity != peer) continue;
            Lose(link, "has exited");
            foreach (var grant in link.Grants) grant.Lease.Pool.PeerExited(peer);
            if (Close(link)) ended++;
        }
        foreach (var held in _held.Values)
            if (held.Identity == peer) held.Stop(Lost(held.Giver, held.Access.Name, "has exited"));
        return ended;
    }

    private void OnPeerStateChanged(object? sender, PeerStateChangedEventArgs change)
    {
        if (change.State is PeerState.Disconnected or PeerState.Invalidated) LookAtPeers();
    }

    private async Task WatchAsync(PeriodicTimer ticks)
    {
        using var timer = ticks;
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                if (_given.IsEmpty && _held.IsEmpty && _parts.IsEmpty) continue; // an idle engine costs nothing
                try
                {
                    Interlocked.Add(ref _malformed, _parts.Expire(Clock.Now));
                    LookAtPeers();
                    LookAtGiven();
                    LookAtHeld();
                }
#pragma warning disable CA1031 // What goes wrong with one access must not end the heartbeats and deadlines of all.
                catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
                {
                    Agent.Runtime.Log.DispatchFailed(exception);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The connector ends, and with it what it still sends.
        }
        await Task.WhenAll(_heartbeats.Values.Select(static beat => beat.Sending)).ConfigureAwait(false);
    }

    private void LookAtPeers()
    {
        foreach (var link in _given.Values)
        {
            if (!IsBroken(link.Peer)) continue;
            Lose(link, $"is {link.Peer.State}: {link.Peer.Reason}");
            if (!link.HasOpenGrants) Close(link);
            else if (PeerProcess.IsGone(link.Peer)) PeerExited(link.Identity);
            else AskForEnd(link);
        }
        foreach (var held in _held.Values)
            if (IsBroken(held.Giver)) held.Stop(Lost(held.Giver, held.Access.Name, $"is {held.Giver.State}: {held.Giver.Reason}"));
    }

    // The connection broke, and the same life of the peer is connected again: it knows whether it still touches our blocks. An access that
    // it does not know any more has ended there, after its transfers have quiesced.
    private void AskForEnd(KvLink link)
    {
        if (Agent.Runtime.FindPeer(link.Identity.Name, link.Identity.Incarnation) is not { State: PeerState.Connected } again || again == link.Peer) return;
        if (link.TrySendCancel(Clock.Now, Clock.After(CancelInterval))) Send(link.Identity, new KvCancelMessage(link.Id));
    }

    private void LookAtGiven()
    {
        var pools = new HashSet<BlockPool>();
        foreach (var link in _given.Values)
            foreach (var grant in link.Grants) pools.Add(grant.Lease.Pool);
        foreach (var pool in pools) pool.ExpireGrants();
        var now = Clock.Now;
        foreach (var link in _given.Values)
        {
            if (link.HasExpired)
            {
                link.Owner.Fail(new KvHandoverException(KvOutcome.Expired,
                    $"'{link.Peer.Name}' sent no heartbeat in time, so its access has expired and is refused. Request anew, from another peer if it stays silent."));
                SendCancel(link);
            }
            else if (now >= link.Owner.Deadline)
            {
                link.Owner.Fail(new KvHandoverException(KvOutcome.TimedOut,
                    $"The deadline passed before '{link.Peer.Name}' had ended. It was asked to stop; its blocks come back when it confirms that."));
                SendCancel(link);
            }
            else if (link.Owner.HasEnded)
            {
                SendCancel(link); // until it is confirmed
            }
        }
    }

    private void LookAtHeld()
    {
        var now = Clock.Now;
        foreach (var held in _held.Values)
        {
            if (now >= held.Deadline)
                held.Stop(new KvHandoverException(KvOutcome.TimedOut, $"The deadline of the hand-over '{held.Access.Name}' with '{held.Giver.Name}' passed."));
            if (now < held.NextHeartbeat || _silent) continue;
            held.NextHeartbeat = Clock.After(held.Heartbeat);
            if (!_heartbeats.TryGetValue(held.Giver, out var beat)) _heartbeats.Add(held.Giver, beat = new HeartbeatState());
            beat.Due.Add(held.Access.Id);
        }
        foreach (var (peer, beat) in _heartbeats)
        {
            if (!beat.Sending.IsCompleted) continue;
            if (beat.Due.Count == 0) _heartbeats.Remove(peer);
            else beat.Sending = SendHeartbeatsAsync(peer, beat.TakeDue());
        }
    }

    private async Task SendHeartbeatsAsync(RemoteAgent peer, ulong[] ids)
    {
        foreach (var some in ids.Chunk(HeartbeatsPerMessage)) await SendHeartbeatAsync(peer, some).ConfigureAwait(false);
    }

    // A peer that does not read keeps neither the others nor the deadlines waiting: what becomes due meanwhile is sent next, together.
    private sealed class HeartbeatState
    {
        public HashSet<ulong> Due { get; } = [];

        public Task Sending { get; set; } = Task.CompletedTask;

        public ulong[] TakeDue()
        {
            ulong[] ids = [.. Due];
            Due.Clear();
            return ids;
        }
    }

    private const int HeartbeatsPerMessage = 4096;

    /// <summary>What is being sent; the watching task's own.</summary>
    private readonly Dictionary<RemoteAgent, HeartbeatState> _heartbeats = [];
    private static readonly TimeSpan HeartbeatTimeout = TimeSpan.FromSeconds(1);
    private volatile bool _silent;

    /// <summary>For tests: as if the process hung, whose connections live.</summary>
    internal void SetHeartbeats(bool sent) => _silent = !sent;

    // One that gets lost is followed by the next.
    private async Task SendHeartbeatAsync(RemoteAgent peer, ulong[] ids)
    {
        try
        {
            await Agent.NotifyAsync(peer, KvMessageCodec.Encode(new KvHeartbeatMessage(ids)), HeartbeatTimeout, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NixlException or ObjectDisposedException or OperationCanceledException)
        {
            // Silent or gone; the state of the peer says so.
        }
    }

    private static void Lose(KvLink link, string how)
    {
        if (link.IsLost) return;
        link.IsLost = true;
        link.Owner.Fail(Lost(link.Peer, null, how));
    }

    private static KvHandoverException Lost(RemoteAgent peer, string? name, string how) => new(
        KvOutcome.PeerLost, $"'{peer.Name}' {how}{(name is null ? "" : $" during the hand-over '{name}'")}. Connect to it anew, or request from another peer.") { Peer = peer.Name };
}
