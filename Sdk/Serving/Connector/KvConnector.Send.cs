namespace Nixl.Sdk.Serving;

public sealed partial class KvConnector
{
    private long _undelivered;

    /// <summary>Sends a message now, part by part; the caller waits.</summary>
    internal async ValueTask SendNowAsync(RemoteAgent peer, byte[][] parts, long deadline, CancellationToken cancellationToken)
    {
        foreach (var part in parts) await Agent.NotifyAsync(peer, part, Left(deadline), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a message that must arrive, without anybody waiting; also to a peer to which this agent is not connected at the moment.</summary>
    private void Send(PeerIdentity peer, KvMessage message)
    {
        var bytes = KvMessageCodec.Encode(message);
        // Who asks without pause and never reads would fill our memory with answers. What is dropped is asked for again: cancels are repeated.
        if (!TryBeginSend(peer))
        {
            Interlocked.Increment(ref _undelivered);
            return;
        }
        var sending = SendSurelyAsync(peer, bytes);
        if (sending.IsCompleted) return;
        _sending.TryAdd(sending, 0);
        _ = sending.ContinueWith(static (task, sending) => ((System.Collections.Concurrent.ConcurrentDictionary<Task, byte>)sending!).TryRemove(task, out _),
            _sending, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    // A peer that is silent for a while gets it when it is back, and one whose connection broke when it is connected anew: of our connection's end
    // it need not know, its own one may live, and it waits. Said twice does no harm. One that has exited needs it no more.
    private async Task SendSurelyAsync(PeerIdentity peer, byte[] message)
    {
        var until = Clock.After(Options.ConfirmTimeout);
        try
        {
            while (!Agent.IsDisposed && Clock.Until(until) is { Ticks: > 0 } left)
            {
                var now = Agent.Runtime.FindPeer(peer.Name, peer.Incarnation);
                if (now is not { State: PeerState.Connected or PeerState.Suspect })
                {
                    if (IsDisposed || HasExited(peer) || (now is not null && PeerProcess.IsGone(now))) break; // nobody will hear it
                }
                else if (await TrySendAsync(now, message, left).ConfigureAwait(false))
                {
                    return;
                }
                await Task.Delay(Options.CheckInterval, Options.TimeProvider, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is NixlException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer or we are gone.
        }
        finally
        {
            EndSend(peer);
        }
        Interlocked.Increment(ref _undelivered);
    }

    /// <returns>False if it may be possible later.</returns>
    private async Task<bool> TrySendAsync(RemoteAgent peer, byte[] message, TimeSpan timeout)
    {
        try
        {
            await Agent.NotifyAsync(peer, message, timeout, _stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (NixlException e) when (e is PeerSuspectException or PeerDisconnectedException or TransferTimeoutException or NixlBusyException || IsBroken(peer))
        {
            return false;
        }
    }

    private static bool IsBroken(RemoteAgent peer) => peer.State is PeerState.Disconnected or PeerState.Invalidated;

    private readonly Dictionary<PeerIdentity, int> _sendingTo = []; // locked by itself

    private bool TryBeginSend(PeerIdentity peer)
    {
        lock (_sendingTo)
        {
            var sending = _sendingTo.GetValueOrDefault(peer);
            if (sending >= 4 * Options.MaxWaiting) return false;
            _sendingTo[peer] = sending + 1;
            return true;
        }
    }

    private void EndSend(PeerIdentity peer)
    {
        lock (_sendingTo)
        {
            var sending = _sendingTo[peer] - 1;
            if (sending > 0) _sendingTo[peer] = sending;
            else _sendingTo.Remove(peer);
        }
    }
}
