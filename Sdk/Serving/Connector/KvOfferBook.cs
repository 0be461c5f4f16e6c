namespace Nixl.Sdk.Serving;

/// <summary>Offers of producers that the engine has not asked for yet, and those who wait for one. Thread-safe.</summary>
internal sealed class KvOfferBook
{
    private readonly Lock _sync = new();
    private readonly Dictionary<(PeerIdentity Peer, string Pool, string Name), KvHeld> _offers = [];
    private readonly Dictionary<(PeerIdentity Peer, string Pool, string Name), TaskCompletionSource> _waiters = [];

    /// <summary>Null, or why it is refused.</summary>
    public string? Add(KvHeld offer)
    {
        var key = (offer.Identity, offer.Access.FromPool, offer.Access.Name);
        lock (_sync)
        {
            if (!_offers.TryAdd(key, offer)) return $"'{offer.Access.Name}' was offered already";
            if (_waiters.Remove(key, out var waiter)) waiter.TrySetResult();
        }
        offer.Stopped.UnsafeRegister(state => Remove(key, (KvHeld)state!), offer);
        return null;
    }

    /// <summary>Takes an offer; waits for it.</summary>
    /// <exception cref="TimeoutException">It did not come in time.</exception>
    /// <exception cref="InvalidOperationException">Somebody waits for it already.</exception>
    public async Task<KvHeld> TakeAsync(PeerIdentity peer, string pool, string name, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        var key = (peer, pool, name);
        TaskCompletionSource waiter;
        lock (_sync)
        {
            if (TryTake(key) is { } there) return there;
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_waiters.TryAdd(key, waiter)) throw new InvalidOperationException($"'{name}' is being pulled already.");
        }
        try
        {
            await waiter.Task.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
            lock (_sync)
                return TryTake(key) ?? throw new KvHandoverException(KvOutcome.Cancelled, $"'{peer.Name}' has withdrawn its offer '{name}'.");
        }
        finally
        {
            lock (_sync)
                if (_waiters.TryGetValue(key, out var own) && own == waiter) _waiters.Remove(key);
        }
    }

    private KvHeld? TryTake((PeerIdentity Peer, string Pool, string Name) key)
    {
        if (!_offers.Remove(key, out var offer)) return null;
        offer.Waiting?.Free();
        return offer.TryTake() ? offer : null;
    }

    private void Remove((PeerIdentity Peer, string Pool, string Name) key, KvHeld offer)
    {
        lock (_sync)
            if (_offers.TryGetValue(key, out var known) && known == offer) _offers.Remove(key);
        offer.Waiting?.Free();
    }
}
