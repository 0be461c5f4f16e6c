using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Threading.Channels;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Reads an agent's notifications and routes them to the producers and consumers of its pools; sends heartbeats, watches deadlines and
/// peers. One for each agent; what is not the connector's goes to <see cref="KvConnectorOptions.OtherNotification"/>.
/// </summary>
/// <remarks>
/// <code>
/// agent ──notifications──→ dispatcher ──┬─ request, offer ──→ producer, consumer (waiting for the engine)
///                                       ├─ wrote, end, heartbeat ──→ the access that we gave
///                                       ├─ cancel ──→ the access that we hold
///                                       └─ anything else ──→ OtherNotification
/// </code>
/// <para>Thread-safe. No code of users runs under a lock, and none on the dispatcher but listeners of the meter and of the spans.</para>
/// <para>Nobody else may read the agent's notifications while it runs: <see cref="NixlAgent.ReadNotificationsAsync"/> and
/// <see cref="NixlAgent.TryReadNotification"/> would take its messages away.</para>
/// </remarks>
[MustDispose("a reader of the agent's notifications")]
public sealed partial class KvConnector : IAsyncDisposable, IDisposable
{
    private readonly ConcurrentDictionary<ulong, KvLink> _given = new();
    private readonly ConcurrentDictionary<(PeerIdentity Giver, ulong Id), KvHeld> _held = new();
    private readonly ConcurrentDictionary<(KvMessageKind Kind, string Pool), IKvRole> _roles = new();
    private readonly RecentSet<PeerIdentity> _exited = new(BlockPool.ExitsKept); // that somebody has told; locked by itself
    private readonly ConcurrentDictionary<Task, byte> _sending = new();
    private readonly PeerShares _open;
    private readonly PeerShares _waiting;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<Notification>? _others;
    private readonly Task[] _loops;
    private int _ending; // held ones that have ended, and whose end is not being sent yet
    private int _disposed;

    private KvConnector(NixlAgent agent, KvConnectorOptions options)
    {
        options.Check();
        Agent = agent;
        Options = options;
        Clock = new KvClock(options.TimeProvider);
        _open = new PeerShares(4 * options.MaxWaiting);
        _waiting = new PeerShares(2 * options.MaxWaiting);
        if (options.OtherNotification is not null) _others = Channel.CreateBounded<Notification>(options.MaxWaiting);
        agent.PeerStateChanged += OnPeerStateChanged;
        HandoverMetrics.Add(this);
        var ticks = new PeriodicTimer(options.CheckInterval, options.TimeProvider); // counts from here on, however busy the thread pool is
        _loops = [Task.Run(DispatchAsync), Task.Run(() => WatchAsync(ticks)), Task.Run(DeliverOthersAsync)];
    }

    /// <summary>The agent.</summary>
    public NixlAgent Agent { get; }

    internal KvConnectorOptions Options { get; }

    internal KvClock Clock { get; }

    /// <summary>For tests.</summary>
    internal ICollection<ulong> GivenIds => _given.Keys;

    internal bool IsDisposed => _disposed != 0;

    /// <summary>Starts to read an agent's notifications.</summary>
    /// <param name="agent">The agent; must outlive the connector.</param>
    /// <param name="options">Settings.</param>
    public static KvConnector Start(NixlAgent agent, KvConnectorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return new KvConnector(agent, options ?? new KvConnectorOptions());
    }

    /// <summary>All counts.</summary>
    public KvConnectorSnapshot Snapshot() => new()
    {
        Given = _given.Count,
        Held = _held.Count,
        Messages = Interlocked.Read(ref _messages),
        Others = Interlocked.Read(ref _othersRead),
        OthersDropped = Interlocked.Read(ref _othersDropped),
        Late = Interlocked.Read(ref _late),
        Malformed = Interlocked.Read(ref _malformed),
        NotGranted = Interlocked.Read(ref _notGranted),
        Refused = Interlocked.Read(ref _refused),
        Undelivered = Interlocked.Read(ref _undelivered),
        ChecksumsEqual = Interlocked.Read(ref _sumsEqual),
        ChecksumsDifferent = Interlocked.Read(ref _sumsDifferent),
    };

    /// <summary>
    /// Ends everything: what we hold is stopped and its end told, requests and offers of our own fail. Blocks that peers may still touch
    /// stay in quarantine. Dispose it before its agent.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Agent.PeerStateChanged -= OnPeerStateChanged;
        HandoverMetrics.Remove(this);
        foreach (var link in _given.Values)
        {
            link.Owner.Fail(new KvHandoverException(KvOutcome.Cancelled, $"The connector of '{Agent.Name}' was disposed."));
            SendCancel(link);
        }
        foreach (var held in _held.Values) held.Stop(new KvHandoverException(KvOutcome.Failed, $"The connector of '{Agent.Name}' was disposed."));
        // What was stopped quiesces by itself and is then told; the grace time of the agent bounds it.
        var patience = Clock.After(Options.ConfirmTimeout);
        while ((!_held.IsEmpty || Volatile.Read(ref _ending) > 0 || !_sending.IsEmpty) && Clock.Until(patience) > TimeSpan.Zero && !Agent.IsDisposed)
            await Task.Delay(Options.CheckInterval, Options.TimeProvider, CancellationToken.None).ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
        _others?.Writer.TryComplete();
        // A handler of the engine's that hangs, or that disposes us itself, is not waited for.
        var loops = Task.WhenAll(_loops);
        await loops.WaitAsync(Options.ConfirmTimeout, Options.TimeProvider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (loops.IsCompleted) _stop.Dispose();
    }

    /// <summary><see cref="DisposeAsync"/>, blocking. Prefer the asynchronous form.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>What is left until a deadline, for calls that want more than nothing.</summary>
    internal TimeSpan Left(long deadline)
    {
        var left = Clock.Until(deadline);
        return left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);
    }

    internal void Add(IKvRole role)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (!_roles.TryAdd((role.Accepts, role.Pool), role))
            throw new InvalidOperationException($"Pool '{role.Pool}' of agent '{Agent.Name}' has a {(role.Accepts == KvMessageKind.Request ? "producer" : "consumer")} already; use that one.");
    }

    internal void Remove(IKvRole role) => _roles.TryRemove(new((role.Accepts, role.Pool), role));

    /// <summary>A number that no peer can guess.</summary>
    internal static ulong DrawId()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>Before the message that tells the peer: its answer may be faster than our return.</summary>
    /// <exception cref="ObjectDisposedException">The connector was disposed: nobody would read the answer.</exception>
    /// <exception cref="KvHandoverException">The peer has exited: nobody would ever confirm.</exception>
    internal void Given(KvLink link)
    {
        _given.TryAdd(link.Id, link);
        // Who disposes, or knows of an exit, says so first and looks through the table then: one of the two sees the other.
        Interlocked.MemoryBarrier();
        if (!IsDisposed && !HasExited(link.Identity)) return;
        NeverSent(link);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ThrowIfExited(link.Peer);
    }

    /// <exception cref="KvHandoverException">The peer has exited.</exception>
    internal void ThrowIfExited(RemoteAgent peer)
    {
        if (HasExited(PeerIdentity.Of(peer))) throw Lost(peer, null, "has exited");
    }

    private bool HasExited(PeerIdentity peer)
    {
        lock (_exited) return _exited.Contains(peer);
    }

    /// <summary>An access of which no peer was ever told.</summary>
    internal void NeverSent(KvLink link)
    {
        link.Confirm();
        Close(link);
    }

    /// <summary>Whoever takes it out of the table says so.</summary>
    private bool Close(KvLink link)
    {
        if (!_given.TryRemove(link.Id, out _)) return false;
        link.Owner.Closed(link);
        return true;
    }

    // A cancel that was delivered may get lost with the connection on which it, or its answer, was said. To a peer that is silent it is on its way all the time.
    private TimeSpan CancelInterval => Options.ConfirmTimeout < CancelAgain ? Options.ConfirmTimeout : CancelAgain;

    private static readonly TimeSpan CancelAgain = TimeSpan.FromSeconds(2);

    internal void SendCancel(KvLink link)
    {
        if (link.IsEnded || link.IsLost || !link.TrySendCancel(Clock.Now, Clock.After(link.Peer.State == PeerState.Suspect ? Options.ConfirmTimeout : CancelInterval))) return;
        Send(link.Identity, new KvCancelMessage(link.Id));
    }

    /// <summary>For the meter and the span; a pull's consumer says it itself.</summary>
    internal void Ended(bool isProducer, bool isPull, KvOutcome? outcome, long bytes, long began, Activity? span, string? why)
    {
        HandoverMetrics.Ended(new HandoverEnd(Agent.Name, isProducer, isPull, outcome, bytes, Clock.Since(began)));
        NixlActivities.End(span, outcome, bytes, why);
    }

    internal void HeldEnded(KvHeld held, KvEndMessage end)
    {
        Interlocked.Increment(ref _ending); // before it leaves the table: who disposes waits until it is in the one or the other
        try
        {
            if (!_held.TryRemove((held.Identity, held.Access.Id), out _)) return;
            held.Open?.Free();
            Send(held.Identity, end); // also if our connection to it broke: who lives has to know, or it waits until its lease expires
        }
        finally
        {
            Interlocked.Decrement(ref _ending);
        }
        if (held.Access.Kind == KvMessageKind.Request) Ended(isProducer: true, isPull: false, held.Reason?.Outcome ?? end.Outcome, end.Moved.Bytes, held.Began, held.Span, held.Reason?.Message ?? end.Reason);
    }
}
