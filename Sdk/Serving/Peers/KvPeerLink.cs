using System.Threading.Channels;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Keeps all ranks of one remote engine connected to one local pool: connects, notices losses and restarts, and connects anew with growing
/// pauses, until it is disposed. This base has what does not depend on the layout's type; see <see cref="KvPeerLink{TLayout}"/>.
/// </summary>
/// <remarks>
/// <code>
/// Connecting ──all ranks──→ Connected ⇄ Suspect (silent)
///                             ↑ │          │ a rank is gone, or there with another incarnation
///                   all ranks │ ↓          ↓
///                             Lost ←───────┘
/// any of these ──what is there does not fit──→ Refused ──fits again──→ Connected; Lost or Connecting while ranks are missing
/// any ──DisposeAsync──→ Disposed
/// </code>
/// Thread-safe. <see cref="Changed"/> is raised on the thread pool, in order, one at a time.
/// </remarks>
[MustDispose("connections to a remote engine")]
public abstract class KvPeerLink : IAsyncDisposable
{
    private readonly Lock _sync = new();
    private readonly Channel<KvPeerLinkStatus> _changes = Channel.CreateUnbounded<KvPeerLinkStatus>(new UnboundedChannelOptions { SingleReader = true });
    private KvPeerLinkStatus _status;
    private KvSource? _source;
    private RemoteAgent[] _remotes = [];
    private TaskCompletionSource _changed = NewSignal();

    private protected KvPeerLink(KvPool pool, IReadOnlyList<KvPeerRank> ranks)
    {
        Local = pool;
        Ranks = ranks;
        _status = new KvPeerLinkStatus(KvPeerLinkState.Connecting, 0, ranks.Count, 0, 0, null);
    }

    /// <summary>The local pool.</summary>
    public KvPool Local { get; }

    /// <summary>The remote engine's ranks.</summary>
    public IReadOnlyList<KvPeerRank> Ranks { get; }

    /// <summary>The state now.</summary>
    public KvPeerLinkState State => Status.State;

    /// <summary>State, counts and the last failure, of one moment.</summary>
    public KvPeerLinkStatus Status
    {
        get
        {
            lock (_sync) return _status;
        }
    }

    /// <summary>
    /// Where a consumer gets caches from; null unless <see cref="KvPeerLinkState.Connected"/>, if the link has no consumer, or if the engine
    /// has no producer. Bound to the
    /// ranks' present lives: take it anew for each request.
    /// </summary>
    public KvSource? Source
    {
        get
        {
            lock (_sync) return _source;
        }
    }

    /// <summary>The agents of those ranks that are connected now, in the order of <see cref="Ranks"/>: what carries the bytes, and what the way has counted. Also
    /// without a consumer.</summary>
    public IReadOnlyList<RemoteAgent> Remotes
    {
        get
        {
            lock (_sync) return _remotes;
        }
    }

    /// <summary>The state has changed. The handler reads <see cref="Status"/>; while it runs, later changes wait.</summary>
    public event EventHandler<KvPeerLinkStatus>? Changed;

    /// <summary>Waits until all ranks are connected and fit.</summary>
    /// <param name="timeout">Longest wait; must be positive.</param>
    /// <param name="cancellationToken">Gives up earlier.</param>
    /// <exception cref="TimeoutException">Not in time; the message says how it stands, the inner exception why.</exception>
    /// <exception cref="ObjectDisposedException">The link was disposed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask WaitConnectedAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
        var clock = new KvClock(Time);
        var until = clock.After(timeout);
        while (true)
        {
            Task changed;
            KvPeerLinkStatus status;
            lock (_sync) (changed, status) = (_changed.Task, _status);
            ObjectDisposedException.ThrowIf(status.State == KvPeerLinkState.Disposed, this);
            if (status.State == KvPeerLinkState.Connected) return;
            var left = clock.Until(until);
            if (left > TimeSpan.Zero)
            {
                await changed.WaitAsync(left, Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                continue;
            }
            throw new TimeoutException($"{this} was not connected within {timeout}: {status}", status.LastFailure);
        }
    }

    /// <summary>Stops serving the engine and gives up what was prepared for it; transfers that run are cancelled. The agent stays connected to
    /// the ranks until <see cref="NixlAgent.Invalidate"/> or its end, so that accesses that are open can be confirmed. Never hangs.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>The ranks' names, as messages show them.</summary>
    public override string ToString() => $"The link of pool '{Local.Name}' of '{Local.Agent.Name}' to {string.Join(", ", Ranks.Select(static rank => $"'{rank.Agent}'"))}";

    private protected abstract TimeProvider Time { get; }

    /// <summary>Changes are told from now on.</summary>
    private protected void Start() => _ = Task.Run(TellAsync);

    /// <summary>What has changed; <see cref="KvPeerLinkState.Disposed"/> stays.</summary>
    private protected void Publish(KvPeerLinkStatus status, KvSource? source, RemoteAgent[] remotes)
    {
        lock (_sync)
        {
            if (_status.State == KvPeerLinkState.Disposed) return;
            var isNew = _status.State != status.State;
            (_status, _source, _remotes) = (status, source, remotes);
            if (!isNew) return;
            _changes.Writer.TryWrite(status);
            if (status.State == KvPeerLinkState.Disposed) _changes.Writer.TryComplete();
            _changed.TrySetResult();
            _changed = NewSignal();
        }
    }

    private async Task TellAsync()
    {
        await foreach (var status in _changes.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                Local.Agent.Runtime.Log.LinkChanged(this, status);
                Changed?.Invoke(this, status);
            }
#pragma warning disable CA1031 // A handler's exception must not stop later changes.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Local.Agent.Runtime.Log.LinkHandlerFailed(exception);
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
