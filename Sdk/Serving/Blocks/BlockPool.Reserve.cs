namespace Nixl.Sdk.Serving;

public sealed partial class BlockPool
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(uint.MaxValue - 1); // a timer's limit

    private readonly LinkedList<BlockWaiter> _waiting = new(); // first come, first served
    private readonly HashSet<BlockHash> _distinct = []; // empty but while a prefix is checked

    /// <summary>Takes blocks if they are there and nobody waits.</summary>
    /// <param name="count">Blocks in all, at least 1, cached ones included.</param>
    /// <param name="prefix">Hashes of the prompt's full blocks, from the first: those that are there are taken instead of fresh ones, up to
    /// the first that is not. To compute at least one token, leave out the hash of the last block.</param>
    /// <returns>The lease, or null: all or nothing.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The pool never has so many.</exception>
    /// <exception cref="ArgumentException">A hash comes twice, or there are more than blocks.</exception>
    public BlockLease? TryReserve(int count, params ReadOnlySpan<BlockHash> prefix)
    {
        Check(count, prefix);
        lock (Sync)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            CheckDistinct(prefix);
            return _waiting.Count > 0 ? null : TryTake(count, prefix);
        }
    }

    /// <summary>Takes blocks; waits for them in the order of the calls.</summary>
    /// <param name="count">Blocks in all, at least 1, cached ones included.</param>
    /// <param name="timeout">How long to wait at most; more than nothing, at most 49 days.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="prefix">Hashes of the prompt's full blocks, from the first; looked up when the turn comes.</param>
    /// <returns>The lease: all or nothing. Await it, and dispose what it gives.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The pool never has so many, or the time-out is none or endless.</exception>
    /// <exception cref="ArgumentException">A hash comes twice, or there are more than blocks.</exception>
    /// <exception cref="BlocksExhaustedException">By the await: the time passed; the message says who holds the blocks.</exception>
    /// <exception cref="OperationCanceledException">By the await: cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public ValueTask<BlockLease> ReserveAsync(int count, TimeSpan timeout, CancellationToken cancellationToken, params ReadOnlySpan<BlockHash> prefix)
    {
        Check(count, prefix);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(timeout, LongestWait);
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<BlockLease>(cancellationToken);
        BlockWaiter waiter;
        lock (Sync)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            CheckDistinct(prefix);
            if (_waiting.Count == 0 && TryTake(count, prefix) is { } lease) return new ValueTask<BlockLease>(lease);
            waiter = new BlockWaiter(this, count, prefix.ToArray());
            _waiting.AddLast(waiter.Node);
        }
        try
        {
            waiter.Arm(_time, timeout, cancellationToken); // outside of the lock: a cancelled token calls back at once
        }
        catch
        {
            Withdraw(waiter);
            throw;
        }
        return new ValueTask<BlockLease>(waiter.Task);
    }

    /// <summary>Serves those who wait, as far as blocks go. Under the lock, after blocks came back.</summary>
    internal void Serve()
    {
        while (_waiting.First?.Value is { } first && TryTake(first.Count, first.Prefix) is { } lease)
            first.Succeed(lease);
    }

    /// <summary>A waiter's time has passed, or it was cancelled. Whoever stands behind it may have needed less.</summary>
    internal void Abandon(BlockWaiter waiter, CancellationToken? cancelled)
    {
        lock (Sync)
        {
            if (waiter.Node.List is null) return; // served meanwhile
            if (cancelled is { } token) waiter.Cancel(token);
            else waiter.Fail(Exhausted(waiter.Count));
            Serve();
        }
    }

    // Nobody will see its lease.
    private void Withdraw(BlockWaiter waiter)
    {
        Abandon(waiter, new CancellationToken(canceled: true));
        waiter.Disarm();
        if (waiter.Task.IsCompletedSuccessfully) waiter.Task.Result.Dispose();
    }

    private BlockLease? TryTake(int count, ReadOnlySpan<BlockHash> prefix)
    {
        var hits = Table.CountHits(prefix, out var unowned);
        if (count - hits > Table.Available - unowned) return null;
        var blocks = new int[count];
        var lease = new BlockLease(this, blocks, hits); // before anything is taken: from there on nothing can fail
        // Hits first: they are then owned, and no fresh block can evict one of them.
        for (var i = 0; i < hits; i++) blocks[i] = Table.TakeHit(prefix[i]);
        for (var i = hits; i < count; i++) blocks[i] = Table.TakeFresh();
        _asked += prefix.Length;
        _hits += hits;
        return lease;
    }

    private void Check(int count, ReadOnlySpan<BlockHash> prefix)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (count > Blocks)
            throw new ArgumentOutOfRangeException(nameof(count), count, $"Pool '{Name}' has {Blocks} blocks in all; shorten the request or make the pool larger.");
        if (prefix.Length > count)
            throw new ArgumentException($"{prefix.Length} prefix hashes for {count} blocks; give at most one for each.", nameof(prefix));
    }

    // One block at two positions of a lease would be written twice, and hold two sets of tokens.
    private void CheckDistinct(ReadOnlySpan<BlockHash> prefix)
    {
        _distinct.Clear();
        for (var i = 0; i < prefix.Length; i++)
            if (!_distinct.Add(prefix[i])) throw new ArgumentException($"Prefix hash {i} comes twice. A block's hash has all tokens before it in it, as BlockHasher.Chain makes them, so that no two of a prompt are alike.", nameof(prefix));
    }

    private BlocksExhaustedException Exhausted(int count)
    {
        var now = TakeSnapshot();
        var quarantine = ReportQuarantine();
        var held = quarantine.Count == 0 ? "" : "; quarantined by " + string.Join(", ", quarantine.Take(3));
        return new BlocksExhaustedException(now,
            $"Pool '{Name}': {count} of {now.Blocks} blocks did not come free in time ({now.Free} free, {now.Cached} cached, {now.Reserved} reserved, " +
            $"{now.InFlight} in flight, {now.Quiesced} quiesced, {now.Ready} ready, {now.Quarantined} quarantined; {now.Waiting} wait{held}). " +
            "Retry later, send the request elsewhere, or make the pool larger.");
    }
}
