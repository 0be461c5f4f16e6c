namespace Nixl.Sdk.Serving;

/// <summary>
/// One reservation that waits.
/// <code>
/// waiting ──┬─ its turn, and the blocks are there ─→ served
///           ├─ deadline ───────────────────────────→ failed
///           └─ cancelled, or the pool disposed ────→ cancelled, failed
/// </code>
/// </summary>
/// <remarks>It is waiting as long as its node is in the pool's list; only who takes it out, under the pool's lock, ends it. Continuations
/// run elsewhere.</remarks>
internal sealed class BlockWaiter
{
    private readonly BlockPool _pool;
    private readonly BlockHash[] _prefix;
    private readonly TaskCompletionSource<BlockLease> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ITimer? _timer;
    private CancellationTokenRegistration _registration;

    public BlockWaiter(BlockPool pool, int count, BlockHash[] prefix)
    {
        _pool = pool;
        _prefix = prefix;
        Count = count;
        Node = new LinkedListNode<BlockWaiter>(this);
    }

    public int Count { get; }

    public ReadOnlySpan<BlockHash> Prefix => _prefix;

    public LinkedListNode<BlockWaiter> Node { get; }

    public Task<BlockLease> Task => _source.Task;

    public void Arm(TimeProvider time, TimeSpan timeout, CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(static state => ((BlockWaiter)state!).Abandon(null), this, timeout, Timeout.InfiniteTimeSpan);
        _registration = cancellationToken.UnsafeRegister(static (state, token) => ((BlockWaiter)state!).Abandon(token), this);
        // Whatever ended it meanwhile may not have seen the timer.
        _source.Task.ContinueWith(
            static (_, state) => ((BlockWaiter)state!).Disarm(), this, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Under the pool's lock, like the other endings.</summary>
    public void Succeed(BlockLease lease)
    {
        Leave();
        _source.SetResult(lease);
    }

    public void Fail(Exception exception)
    {
        Leave();
        _source.SetException(exception);
    }

    public void Cancel(CancellationToken cancellationToken)
    {
        Leave();
        _source.SetCanceled(cancellationToken);
    }

    private void Leave() => Node.List!.Remove(Node);

    private void Abandon(CancellationToken? cancelled) => _pool.Abandon(this, cancelled);

    public void Disarm()
    {
        _timer?.Dispose();
        _registration.Dispose();
    }
}
