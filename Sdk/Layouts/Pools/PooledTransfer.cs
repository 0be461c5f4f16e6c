using System.Threading.Tasks.Sources;

namespace Nixl.Sdk;

/// <summary>
/// A transfer of a <see cref="TransferPool"/>: what its callers await. Goes back to the pool when its result is taken, or, if nobody
/// ever takes it, when it is collected.
/// </summary>
/// <remarks>
/// Whoever can still await holds this object (through the ValueTask, or through the continuation that it registered); the transfer and
/// the agent do not. So its finalizer runs exactly when no one can await any more.
/// </remarks>
internal sealed class PooledTransfer : IValueTaskSource<TransferResult>
{
    private const int None = int.MinValue;

    private readonly TransferPool _pool;
    private readonly Transfer _transfer;
    private int _outstanding = None; // version of the ValueTask that has not been taken yet

    public PooledTransfer(TransferPool pool, Transfer transfer)
    {
        _pool = pool;
        _transfer = transfer;
    }

    ~PooledTransfer()
    {
        if (Volatile.Read(ref _outstanding) == None)
        {
            _transfer.Dispose(); // it lay idle in a pool that nobody holds any more
            return;
        }
        if (!IsActive)
        {
            _outstanding = None;
            _pool.Return(this);
        }
        GC.ReRegisterForFinalize(this);
    }

    /// <summary>True while it is posted, or its buffers are still in use after a failure.</summary>
    public bool IsActive => _transfer.State is TransferState.Running or TransferState.Quiescing;

    public ValueTask<TransferResult> PostAsync(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, in PostOptions options, CancellationToken cancellationToken)
    {
        if (_transfer.TryPostNow(localIds, remoteIds, options, cancellationToken, out var result))
        {
            _pool.Return(this);
            return new ValueTask<TransferResult>(result);
        }

        var version = _transfer.Post(localIds, remoteIds, options, cancellationToken);
        Volatile.Write(ref _outstanding, version);
        return new ValueTask<TransferResult>(this, version);
    }

    /// <summary>The same, but a failure is given only after the transfer has quiesced. Costs a state machine.</summary>
    public ValueTask<TransferResult> PostUntilQuiescedAsync(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, in PostOptions options, CancellationToken cancellationToken)
    {
        if (!_transfer.TryPostNow(localIds, remoteIds, options, cancellationToken, out var result))
            return WaitAsync(new ValueTask<TransferResult>(_transfer, _transfer.Post(localIds, remoteIds, options, cancellationToken)));
        _pool.Return(this);
        return new ValueTask<TransferResult>(result);

        async ValueTask<TransferResult> WaitAsync(ValueTask<TransferResult> outcome)
        {
            try
            {
                return await outcome.ConfigureAwait(false);
            }
            finally
            {
                // Nobody else can post with it before it has gone back, so this is this post's own end; after success it has come.
                await _transfer.Quiesced.ConfigureAwait(false);
                _pool.Return(this);
            }
        }
    }

    TransferResult IValueTaskSource<TransferResult>.GetResult(short token)
    {
        IValueTaskSource<TransferResult> source = _transfer;
        // An early or a second taking fails inside, and must not bring the transfer back to the pool once more.
        if (Volatile.Read(ref _outstanding) != token || source.GetStatus(token) == ValueTaskSourceStatus.Pending ||
            Interlocked.CompareExchange(ref _outstanding, None, token) != token)
        {
            return source.GetResult(token);
        }
        try
        {
            return source.GetResult(token);
        }
        finally
        {
            _pool.Return(this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource<TransferResult>.GetStatus(short token) =>
        ((IValueTaskSource<TransferResult>)_transfer).GetStatus(token);

    void IValueTaskSource<TransferResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        ((IValueTaskSource<TransferResult>)_transfer).OnCompleted(continuation, state, token, flags);
}
