namespace Nixl.Sdk.Serving;

public sealed partial class KvConnector
{
    private long _undelivered;

    /// <summary>Sends a message now, part by part; the caller waits.</summary>
    internal async ValueTask SendNowAsync(RemoteAgent peer, byte[][] parts, long deadline, CancellationToken cancellationToken)
    {
        foreach (var part in parts) await Agent.NotifyAsync(peer, part, Left(deadline), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a message that must arrive, without anybody waiting.</summary>
    private void Send(RemoteAgent peer, KvMessage message)
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

    // A peer that is silent for a while gets it when it is back; one that is gone needs it no more.
    private async Task SendSurelyAsync(RemoteAgent peer, byte[] message)
    {
        var until = Clock.After(Options.ConfirmTimeout);
        try
        {
            while (peer.State is PeerState.Connecting or PeerState.Connected or PeerState.Suspect && !Agent.IsDisposed)
            {
                var left = Clock.Until(until);
                if (left <= TimeSpan.Zero) break;
                try
                {
                    await Agent.NotifyAsync(peer, message, left, _stop.Token).ConfigureAwait(false);
                    return;
                }
                catch (Exception e) when (e is PeerSuspectException or TransferTimeoutException or NixlBusyException)
                {
                    await Task.Delay(Options.CheckInterval, Options.TimeProvider, _stop.Token).ConfigureAwait(false);
                }
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

    private readonly Dictionary<RemoteAgent, int> _sendingTo = []; // locked by itself

    private bool TryBeginSend(RemoteAgent peer)
    {
        lock (_sendingTo)
        {
            var sending = _sendingTo.GetValueOrDefault(peer);
            if (sending >= 4 * Options.MaxWaiting) return false;
            _sendingTo[peer] = sending + 1;
            return true;
        }
    }

    private void EndSend(RemoteAgent peer)
    {
        lock (_sendingTo)
        {
            var sending = _sendingTo[peer] - 1;
            if (sending > 0) _sendingTo[peer] = sending;
            else _sendingTo.Remove(peer);
        }
    }
}
