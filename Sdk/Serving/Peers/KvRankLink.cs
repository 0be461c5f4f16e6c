using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Serving;

/// <summary>One rank of a remote engine: connected, watched, dropped when it is gone, and connected again. One task's own; others read.</summary>
internal sealed class KvRankLink<TLayout>(
    KvPool<TLayout> local, IMetadataExchange exchange, KvPeerRank rank, KvPeerLinkOptions options, KvPeerLink<TLayout> owner)
    where TLayout : IKvLayout<TLayout>
{
    // Changes of state wake the task at once; this is for what no event tells.
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    // What was ready may have closed its producer or forgotten us, and no event tells that either. One message each way.
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(5);
    private const int MostUnanswered = 3;

    private readonly KvClock _clock = new(options.TimeProvider);
    private volatile TaskCompletionSource _changed = NewSignal();
    private volatile RemoteKvPool<TLayout>? _pool;
    private volatile bool _refused;
    private volatile bool _suspect;
    private volatile bool _ready;
    private volatile bool _serves;
    private int _unanswered; // since the last answer
    private long _attempts;
    private long _losses;

    /// <summary>Null unless connected.</summary>
    public RemoteKvPool<TLayout>? Pool => _pool;

    /// <summary>It is there and does not fit.</summary>
    public bool IsRefused => _refused;

    public bool IsSuspect => _suspect;

    /// <summary>It is connected to us, too, and takes what this link is for.</summary>
    public bool IsReady => _ready;

    /// <summary>It takes requests.</summary>
    public bool Serves => _serves;

    public long Attempts => Interlocked.Read(ref _attempts);

    public long Losses => Interlocked.Read(ref _losses);

    /// <summary>Until the token, or until the agent ends.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var backoff = new Backoff(options);
        local.Agent.PeerStateChanged += OnPeerStateChanged;
        try
        {
            while (!stop.IsCancellationRequested && !local.Agent.IsDisposed)
            {
                if (await TryConnectAsync(stop).ConfigureAwait(false) is { } pool)
                {
                    var since = _clock.Now;
                    await HoldAsync(pool, stop).ConfigureAwait(false);
                    // A peer that is lost again and again is not asked without pause.
                    if (options.TimeProvider.GetElapsedTime(since) > options.MaxBackoff) backoff.Reset();
                }
                await Task.Delay(backoff.Next(longest: _refused), options.TimeProvider, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            local.Agent.PeerStateChanged -= OnPeerStateChanged;
        }
    }

    private async Task<RemoteKvPool<TLayout>?> TryConnectAsync(CancellationToken stop)
    {
        Interlocked.Increment(ref _attempts);
        try
        {
            var until = _clock.After(options.AttemptTimeout);
            var metadata = await FetchAsync(options.AttemptTimeout, stop).ConfigureAwait(false);
            var connecting = MetadataExchangeExtensions.ConnectNamedAsync(local.Agent, metadata, rank.Agent, _clock.Until(until), options.AttemptTimeout, stop);
            var pool = local.Connect(await connecting.AsTask().WaitAsync(stop).ConfigureAwait(false), options.Pool);
            (_pool, _refused) = (pool, false);
            if (owner.Connected(pool)) return pool;
            await DropAsync(pool, new ObjectDisposedException(nameof(KvPeerLink))).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever goes wrong, the next attempt may succeed; a link that ends silently would never come back.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            if (stop.IsCancellationRequested) return null;
            _refused = DoesNotFit(exception);
            owner.Failed(exception);
        }
        return null;
    }

    private async Task<byte[]> FetchAsync(TimeSpan timeout, CancellationToken stop)
    {
        // One question each: the pauses between them are ours.
        var fetching = exchange is DirectMetadataExchange direct
            ? direct.FetchOnceAsync(rank.Agent, rank.Host, rank.Port, timeout, stop)
            : exchange.FetchAsync(rank.Agent, timeout, stop);
        try
        {
            // An exchange should keep its own deadline, and says more about why.
            return await fetching.AsTask().WaitAsync(timeout + Tick, options.TimeProvider, stop).ConfigureAwait(false);
        }
        catch (TimeoutException hangs)
        {
            throw new MetadataExchangeException(NixlStatus.Timeout, $"The metadata exchange ({exchange.GetType().Name}) neither gave the metadata of agent '{rank.Agent}' nor gave up within {timeout}.", rank.Agent, hangs);
        }
    }

    // Until the rank is gone or the token.
    private async Task HoldAsync(RemoteKvPool<TLayout> pool, CancellationToken stop)
    {
        var (patience, nextQuestion) = (new Backoff(options), long.MinValue);
        while (true)
        {
            var changed = _changed; // before the look
            var state = pool.Remote.State;
            if (stop.IsCancellationRequested || local.Agent.IsDisposed || state is PeerState.Disconnected or PeerState.Invalidated) break;
            if (_suspect != (state == PeerState.Suspect))
            {
                _suspect = !_suspect;
                (patience, nextQuestion) = (new Backoff(options), long.MinValue);
                owner.Look();
            }
            if (!_suspect && _clock.Now >= nextQuestion)
            {
                await AskAsync(pool, changed.Task, stop).ConfigureAwait(false);
                if (_ready) patience.Reset();
                var pause = _ready ? AskAgain : patience.Next(longest: false);
                nextQuestion = _clock.After(_ready || pause < Tick ? pause : Tick); // it is there and one message is cheap: readiness need not wait longer
            }
            // A host that was lost says no goodbye: when the rank is there again, only its metadata tells.
            if (_suspect && _clock.Now >= nextQuestion)
            {
                if (await IsAnotherLifeAsync(pool.Remote, stop).ConfigureAwait(false))
                {
                    Invalidate(pool.Remote);
                    break;
                }
                nextQuestion = _clock.After(patience.Next(longest: false));
            }
            var wait = _clock.Until(nextQuestion);
            if (wait > Tick) wait = Tick;
            if (wait > TimeSpan.Zero) await changed.Task.WaitAsync(wait, options.TimeProvider, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await DropAsync(pool, new PeerDisconnectedException(NixlStatus.RemoteDisconnect, $"'{pool.Remote.Name}' is {pool.Remote.State}: {pool.Remote.Reason}") { Peer = pool.Remote.Name }).ConfigureAwait(false);
    }

    // It may have been connected by us before it has connected to us; what we send it until then it cannot answer.
    // A change of its state ends the question: who is gone is not waited for.
    private async Task AskAsync(RemoteKvPool<TLayout> pool, Task changed, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var asking = AskAsync(pool, end.Token);
        await Task.WhenAny(asking, changed).ConfigureAwait(false);
        if (!asking.IsCompleted) await end.CancelAsync().ConfigureAwait(false);
        await asking.ConfigureAwait(false);
    }

    private async Task AskAsync(RemoteKvPool<TLayout> pool, CancellationToken stop)
    {
        try
        {
            var problem = await FindProblemAsync(pool, stop).ConfigureAwait(false);
            (_ready, _unanswered) = (problem is null, 0);
            if (problem is null) owner.Look();
            else owner.Failed(new NixlBusyException(NixlStatus.Busy, problem) { Peer = pool.Remote.Name });
        }
        catch (TimeoutException)
        {
            if (++_unanswered >= MostUnanswered) _ready = false; // one answer may be late
            owner.Failed(new NixlBusyException(NixlStatus.Busy, $"'{pool.Remote.Name}' does not answer: it is not connected to '{local.Agent.Name}' yet, or runs no KvConnector.") { Peer = pool.Remote.Name });
        }
        catch (Exception e) when (e is NixlException or ObjectDisposedException or OperationCanceledException)
        {
            // Its state says so.
        }
    }

    private async ValueTask<string?> FindProblemAsync(RemoteKvPool<TLayout> pool, CancellationToken stop)
    {
        if (owner.Connector is not { } connector) return null;
        var answer = KvAnswer.NoRole;
        if (owner.Consumes && pool.Route(TransferOperation.Read) is not { IsEmpty: true })
        {
            answer = await connector.AskAsync(pool.Remote, KvMessageKind.Request, pool.Name, local.Name, Tick, options.TimeProvider, stop).ConfigureAwait(false);
            _serves = answer == KvAnswer.Yes;
            if (answer == KvAnswer.NotYet) return $"'{pool.Remote.Name}' does not know pool '{local.Name}' of '{local.Agent.Name}' as a consumer yet (AddConsumer, or a link of its own).";
        }
        else if (!owner.Produces)
        {
            return null; // it gives this rank nothing
        }
        if (answer == KvAnswer.NoRole && owner.Produces)
            answer = await connector.AskAsync(pool.Remote, KvMessageKind.Offer, pool.Name, local.Name, Tick, options.TimeProvider, stop).ConfigureAwait(false);
        return answer == KvAnswer.Yes ? null : $"Pool '{pool.Name}' of '{pool.Remote.Name}' has no {(owner.Consumes ? owner.Produces ? "producer and no consumer" : "producer" : "consumer")}.";
    }

    private async Task<bool> IsAnotherLifeAsync(RemoteAgent remote, CancellationToken stop)
    {
        try
        {
            var metadata = await FetchAsync(Tick, stop).ConfigureAwait(false);
            return MetadataCodec.Decode(metadata, local.Agent.Runtime.MetadataOptions, local.Agent.Name) is { } now && now.Agent == remote.Name && now.Incarnation != remote.Incarnation;
        }
#pragma warning disable CA1031 // Whatever an exchange throws.
        catch
#pragma warning restore CA1031
        {
            return false; // nobody answers: still nothing but silence
        }
    }

    // First nothing new begins, then the prepared lists go; what the transport still touches keeps them until then.
    private async Task DropAsync(RemoteKvPool<TLayout> pool, Exception reason)
    {
        (_pool, _suspect, _ready, _serves, _unanswered) = (null, false, false, false, 0);
        if (!owner.IsEnding) Interlocked.Increment(ref _losses);
        owner.Dropped(pool, reason);
        await pool.DisposeAsync().AsTask().WaitAsync(local.Agent.Runtime.Options.QuiesceGrace + Tick, options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Invalidate(RemoteAgent remote)
    {
        try
        {
            local.Agent.Invalidate(remote);
        }
        catch (Exception e) when (e is NixlException or ObjectDisposedException)
        {
            // Somebody else has, or the agent ends.
        }
    }

    // To ask soon again is pointless: somebody has to start one of the two with something else.
    private static bool DoesNotFit(Exception exception) =>
        exception is LayoutMismatchException or NotSupportedException or LayoutException or MetadataExchangeException { Status: NixlStatus.Permission or NixlStatus.Mismatch };

    private void OnPeerStateChanged(object? sender, PeerStateChangedEventArgs change)
    {
        if (change.Peer.Name == rank.Agent) Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
