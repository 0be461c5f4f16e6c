using System.Diagnostics;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Our access to blocks of a peer: a request to write them, or an offer to read them. Whoever takes it says when it has ended, after its
/// transfers have quiesced; the peer's blocks are locked until then.
/// </summary>
/// <remarks>
/// <code>
/// waiting ──TryTake──→ taken ──────────────EndAsync──→ ended (the peer is told)
///    │                   └─Stop──→ stopping ─EndAsync──↗
///    └─Stop (cancelled, deadline, peer gone)─────────→ ended
/// </code>
/// Thread-safe.
/// </remarks>
#pragma warning disable CA1001 // _stop has no timer and no wait handle, and users may register with it after the end.
internal sealed class KvHeld
#pragma warning restore CA1001
{
    private readonly Lock _sync = new();
    private readonly KvConnector _connector;
    private readonly CancellationTokenSource _stop = new();
    private long _bytes;
    private long _moving; // by the clock, while at least one WRITE was on its way
    private long _movingSince;
    private int _writes;
    private bool _taken;
    private bool _ended;
    private bool _completed;
    private KvHandoverException? _reason;

    /// <param name="connector">Who reads its messages.</param>
    /// <param name="giver">Whose blocks they are.</param>
    /// <param name="access">The message that began it.</param>
    /// <param name="longBytes">Bytes of that message if it came in parts.</param>
    /// <param name="open">The giver's place until the end; null if it has its share.</param>
    /// <param name="waiting">The giver's place until the engine takes it; null if it has its share.</param>
    public KvHeld(KvConnector connector, RemoteAgent giver, KvAccessMessage access, int longBytes, PeerPlace? open, PeerPlace? waiting)
    {
        (Open, Waiting) = (open, waiting);
        _connector = connector;
        Giver = giver;
        Identity = PeerIdentity.Of(giver);
        Access = access;
        LongBytes = longBytes;
        Began = connector.Clock.Now;
        Deadline = connector.Clock.After(access.Timeout);
        // A peer cannot make us send without pause.
        Heartbeat = access.Heartbeat < connector.Options.CheckInterval ? connector.Options.CheckInterval : access.Heartbeat;
        NextHeartbeat = connector.Clock.After(Heartbeat);
        Stopped = _stop.Token;
        if (NixlActivities.IsOn && access.Kind == KvMessageKind.Request)
            Span = NixlActivities.Handover(connector.Agent.Name, isProducer: true, isPull: false, access.Name, giver.Name, access.Groups.Sum(static group => group.Blocks.Length), byPeer: true);
    }

    /// <summary>Of a request; null while nobody listens.</summary>
    public Activity? Span { get; }

    public RemoteAgent Giver { get; }

    /// <summary>Freed by its end.</summary>
    public PeerPlace? Open { get; }

    /// <summary>Freed by the producer or consumer in whose queue it stands: also something that has ended takes room there.</summary>
    public PeerPlace? Waiting { get; }

    public PeerIdentity Identity { get; }

    public KvAccessMessage Access { get; }

    /// <summary>Bytes of its message if that came in parts, else 0: what fits a notification is bounded by its number.</summary>
    public int LongBytes { get; }

    public long Began { get; }

    /// <summary>That we have written under it; whole when no WRITE is on its way.</summary>
    public KvMoved Moved
    {
        get
        {
            lock (_sync) return new KvMoved(_bytes, _connector.Clock.Elapsed(_moving));
        }
    }

    public long Deadline { get; }

    public TimeSpan Heartbeat { get; }

    public long NextHeartbeat { get; set; }

    /// <summary>Cancelled when the access must end.</summary>
    public CancellationToken Stopped { get; }

    /// <summary>Why it must end; null while it need not.</summary>
    public KvHandoverException? Reason
    {
        get
        {
            lock (_sync) return _reason;
        }
    }

    /// <summary>Before a WRITE, and after it with the bytes that it has moved.</summary>
    public void Writes()
    {
        lock (_sync)
            if (_writes++ == 0) _movingSince = _connector.Clock.Now;
    }

    public void Wrote(long bytes)
    {
        lock (_sync)
        {
            _bytes += bytes;
            if (--_writes == 0) _moving += _connector.Clock.Now - _movingSince;
        }
    }

    public bool TryTake()
    {
        lock (_sync)
        {
            if (_taken || _ended) return false;
            return _taken = true;
        }
    }

    /// <summary>It has to end. If nobody has taken it, it ends here.</summary>
    public void Stop(KvHandoverException reason)
    {
        lock (_sync)
        {
            if (_ended || _reason is not null) return;
            _reason = reason;
            _ended = !_taken;
        }
        _ = _stop.CancelAsync(); // what is registered there is users' code, too: on the thread pool
        if (IsEnded) Tell(OutcomeToTell(reason), reason.Message, default);
    }

    /// <summary>
    /// Everything is done. Null if it has ended so; else why not: it had to end before, and then nothing is told yet. A stop and this cannot both
    /// win: who was told that it is completed is not told that it failed.
    /// </summary>
    public KvHandoverException? Complete(ReadOnlyMemory<byte> payload)
    {
        lock (_sync)
        {
            if (_completed) return null;
            if (_reason is not null) return _reason;
            if (_ended) return new KvHandoverException(KvOutcome.Failed, $"The hand-over '{Access.Name}' was given up before.");
            _ended = _completed = true;
        }
        Tell(KvOutcome.Completed, "", payload);
        return null;
    }

    /// <summary>Our transports cannot touch the blocks any more. Again: no effect.</summary>
    public void End(KvOutcome outcome, string reason, ReadOnlyMemory<byte> payload)
    {
        lock (_sync)
        {
            if (_ended) return;
            _ended = true;
        }
        Tell(outcome, reason, payload);
    }

    private void Tell(KvOutcome outcome, string reason, ReadOnlyMemory<byte> payload) =>
        _connector.HeldEnded(this, new KvEndMessage(Access.Id, outcome, reason, payload) { Moved = Moved });

    internal static KvOutcome OutcomeToTell(KvHandoverException reason) =>
        reason.Outcome is KvOutcome.Cancelled or KvOutcome.Refused ? reason.Outcome : KvOutcome.Failed;

    private bool IsEnded
    {
        get
        {
            lock (_sync) return _ended;
        }
    }
}
