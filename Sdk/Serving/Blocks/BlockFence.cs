namespace Nixl.Sdk.Serving;

/// <summary>
/// Our own act that ends what others may do with the memory: what they could reach it through is closed, and the close has completed.
/// <code>
/// BlockPool.BeginFence ──→ the memory is closed (deregistered) ──→ Complete: grants given before BeginFence end
///                                └─ cannot be closed (a local peer's mapping) ──→ Complete refuses; nothing ends
/// </code>
/// </summary>
/// <remarks>Thread-safe. Owns nothing; one that is never completed changes nothing.</remarks>
public sealed class BlockFence
{
    private readonly BlockPool _pool;
    private readonly Func<bool> _isClosed;
    private readonly string _what;
    private readonly long _sequence;

    internal BlockFence(BlockPool pool, Func<bool> isClosed, string what, long sequence)
    {
        _pool = pool;
        _isClosed = isClosed;
        _what = what;
        _sequence = sequence;
    }

    /// <summary>Ends the grants that were given before the fence began, if the memory is closed.</summary>
    /// <returns>The number of grants that it ended; 0 the second time.</returns>
    /// <exception cref="NixlBusyException">Peers can still reach the memory. Nothing has changed; close it, or try again later.</exception>
    public int Complete() => _isClosed()
        ? _pool.CompleteFence(_sequence)
        : throw new NixlBusyException(NixlStatus.Busy,
            $"Pool '{_pool.Name}': peers can still reach {_what}, so its blocks stay in quarantine. Dispose it, end what holds it, and complete the fence then.");
}
