namespace Nixl.Sdk.Serving;

public sealed partial class KvConnector
{
    private long _undelivered;

    /// <summary>Sends one message now; the caller waits.</summary>
    internal ValueTask SendNowAsync(RemoteAgent peer, byte[] message, TimeSpan timeout, CancellationToken cancellationToken) =>
        Agent.NotifyAsync(peer, message, timeout, cancellationToken);

    /// <summary>Sends a message that must arrive, without anybody waiting.</summary>
    private void Send(RemoteAgent peer, KvMessage message)
    {
        var sending = SendSurelyAsync(peer, KvMessageCodec.Encode(message));
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
        Interlocked.Increment(ref _undelivered);
    }
}
