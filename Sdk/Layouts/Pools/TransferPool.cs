namespace Nixl.Sdk;

/// <summary>
/// Transfers of one direction between one pair of lists, used again and again, so that a post allocates nothing after warm-up.
/// </summary>
/// <remarks>
/// <code>
/// Rent ──→ posted ──→ awaited ──┬─ quiesced ─────→ idle ──→ Rent …
///              │                └─ not yet ──→ quiescing ──→ idle (looked at by the next Rent)
///              └─ never awaited, then collected ──→ idle, once it has ended
/// </code>
/// Thread-safe. The lock is held for list operations only, never over a post.
/// </remarks>
internal sealed class TransferPool : IDisposable
{
    private readonly Lock _sync = new();
    private readonly NixlAgent _agent;
    private readonly TransferOperation _operation;
    private readonly PreparedList _local;
    private readonly PreparedList _remote;
    private readonly Stack<PooledTransfer> _idle = new();
    private readonly List<PooledTransfer> _quiescing = [];

    // Transfers, not PooledTransfers: the latter must become collectable when nobody can await them any more.
    private readonly List<Transfer> _all = [];
    private bool _disposed;

    public TransferPool(NixlAgent agent, TransferOperation operation, PreparedList local, PreparedList remote)
    {
        _agent = agent;
        _operation = operation;
        _local = local;
        _remote = remote;
    }

    /// <summary>Transfers made so far. For tests.</summary>
    internal int Count
    {
        get
        {
            lock (_sync) return _all.Count;
        }
    }

    /// <summary>Transfers that can be handed out. For tests.</summary>
    internal int IdleCount
    {
        get
        {
            lock (_sync)
            {
                Sweep();
                return _idle.Count;
            }
        }
    }

    /// <summary>Posts with one of the transfers.</summary>
    /// <param name="localIds">Local ids.</param>
    /// <param name="remoteIds">The peer's ids.</param>
    /// <param name="options">Notification, deadline, lease.</param>
    /// <param name="untilQuiesced">Gives a failure, too, only when the transport cannot touch the blocks any more.</param>
    /// <param name="cancellationToken">Asks for cancellation.</param>
    public ValueTask<TransferResult> PostAsync(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, in PostOptions options, bool untilQuiesced, CancellationToken cancellationToken)
    {
        var rented = Rent();
        try
        {
            if (untilQuiesced) return rented.PostUntilQuiescedAsync(localIds, remoteIds, options, cancellationToken);
            return rented.PostAsync(localIds, remoteIds, options, cancellationToken);
        }
        catch
        {
            Return(rented); // nothing was posted
            throw;
        }
    }

    public void Return(PooledTransfer transfer)
    {
        lock (_sync)
        {
            if (_disposed) return; // already told to end by Dispose
            if (transfer.IsActive) _quiescing.Add(transfer);
            else _idle.Push(transfer);
        }
    }

    public void Dispose()
    {
        Transfer[] all;
        lock (_sync)
        {
            if (_disposed) return;
            _disposed = true;
            all = [.. _all];
            _idle.Clear();
            _quiescing.Clear();
        }
        foreach (var transfer in all) transfer.Dispose();
    }

    public async ValueTask WhenQuiescedAsync()
    {
        Transfer[] all;
        lock (_sync) all = [.. _all];
        foreach (var transfer in all) await transfer.Quiesced.ConfigureAwait(false);
    }

    private PooledTransfer Rent()
    {
        lock (_sync)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Sweep();
            if (_idle.TryPop(out var transfer)) return transfer;
            var made = _agent.CreateTransfer(_operation, _local, _remote);
            _all.Add(made);
            return new PooledTransfer(this, made);
        }
    }

    /// <summary>What has quiesced since it failed is idle again. Under the lock.</summary>
    private void Sweep()
    {
        for (var i = _quiescing.Count - 1; i >= 0; i--)
        {
            if (_quiescing[i].IsActive) continue;
            _idle.Push(_quiescing[i]);
            _quiescing.RemoveAt(i);
        }
    }
}
