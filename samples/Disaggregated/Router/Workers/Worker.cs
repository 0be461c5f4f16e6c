using System.Diagnostics;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>One life of an engine, as its router sees it. Thread-safe.</summary>
/// <remarks>
/// <code>
/// join ──→ Joining ──first status──→ Alive ⇄ Suspect     a connection broke: nothing new until its status has been seen again
///             │                        │        │
///             └────────────────────────┴────────┴─silence──→ Dead ──seen again──→ Alive
///          any of them ──leaves, or its name has a new incarnation──→ Gone
/// </code>
/// </remarks>
internal sealed class Worker : IDisposable
{
    private const int PrefixBlocks = 8192;

    private readonly Lock _lock = new();
    private readonly Action<Worker> _onChange;
    private CancellationTokenSource _lost = new();
    private WorkerState _state = WorkerState.Joining;
    private EngineStatus? _status;
    private long _announced = Stopwatch.GetTimestamp(), _answered = Stopwatch.GetTimestamp();
    private int _ours, _others;
    private string _problem = "no status yet";

    /// <param name="announcement">What it said of itself.</param>
    /// <param name="client">How it is spoken with.</param>
    /// <param name="onChange">Called after its state has changed, outside of its lock.</param>
    internal Worker(EngineAnnouncement announcement, EngineClient client, Action<Worker> onChange) =>
        (Announcement, Client, _onChange) = (announcement, client, onChange);

    internal EngineAnnouncement Announcement { get; }

    internal EngineClient Client { get; }

    internal string Name => Announcement.Name;

    internal bool Decodes => Announcement.Role is EngineRole.Decode or EngineRole.Both;

    internal bool Prefills => Announcement.Role is EngineRole.Prefill or EngineRole.Both;

    /// <summary>What it has been sent; begins empty with each life.</summary>
    internal PrefixIndex Prefixes { get; } = new(PrefixBlocks);

    internal WorkerState State
    {
        get
        {
            lock (_lock) return _state;
        }
    }

    /// <summary>The last one that came.</summary>
    internal EngineStatus? Status => Volatile.Read(ref _status);

    /// <summary>Tokens of its blocks.</summary>
    internal int BlockTokens => Math.Max(1, Status?.BlockTokens ?? 16);

    /// <summary>Why it is not alive, in words.</summary>
    internal string Problem => Volatile.Read(ref _problem);

    /// <summary>Whether it may be sent something now.</summary>
    internal bool TakesRequests => State == WorkerState.Alive && Status is { Ready: true, Draining: false };

    /// <summary>Cancelled when it is dead or gone: whoever waits for it goes elsewhere.</summary>
    internal CancellationToken Lost
    {
        get
        {
            lock (_lock) return _lost.Token;
        }
    }

    /// <summary>Whether this decode engine has chosen a prefill engine for the last prompt that it did not have itself: most likely it will for the next one, too.</summary>
    internal bool AsksElsewhere { get; set; }

    /// <summary>Requests that it works for, or that wait for it: those that we have sent it, and what it has from others.</summary>
    internal int Load => Ours + Volatile.Read(ref _others);

    /// <summary>Of it, ours: answers, and prompts that decode engines were told to ask of it.</summary>
    internal int Ours => Volatile.Read(ref _ours);

    /// <summary>A request is sent to it or, with -1, has ended. Known at once, long before its status tells.</summary>
    internal void AddLoad(int count) => Interlocked.Add(ref _ours, count);

    internal void Announced() => Interlocked.Exchange(ref _announced, Stopwatch.GetTimestamp());

    /// <summary>Its status has come.</summary>
    /// <param name="status">The status.</param>
    /// <param name="oursBefore">What <see cref="Ours"/> was when it was asked for.</param>
    internal void Answered(EngineStatus status, int oursBefore)
    {
        Volatile.Write(ref _others, Math.Max(0, status.Queue.Waiting + status.Queue.Running - Math.Max(oursBefore, Ours)));
        Volatile.Write(ref _status, status);
        Interlocked.Exchange(ref _answered, Stopwatch.GetTimestamp());
        Become(WorkerState.Alive, "", state => state is WorkerState.Joining or WorkerState.Suspect);
    }

    /// <summary>A connection to it broke. Nothing new is sent to it until its status has been seen again.</summary>
    internal void Broke(string reason) => Become(WorkerState.Suspect, reason, state => state == WorkerState.Alive);

    internal void Leave(string reason) => Become(WorkerState.Gone, reason, state => state != WorkerState.Gone);

    /// <summary>Dead if announcements or statuses have stopped, alive again if both have come back.</summary>
    /// <param name="limit">How long it may be silent.</param>
    /// <returns>How long it has been silent.</returns>
    internal TimeSpan Judge(TimeSpan limit)
    {
        var announced = Stopwatch.GetElapsedTime(Interlocked.Read(ref _announced));
        var answered = Stopwatch.GetElapsedTime(Interlocked.Read(ref _answered));
        var silence = announced > answered ? announced : answered;
        if (silence > limit)
            Become(WorkerState.Dead, $"{(announced > answered ? "no announcement" : "no status")} for {silence.TotalSeconds:F0} s", state => state is not (WorkerState.Dead or WorkerState.Gone));
        else Become(WorkerState.Alive, "", state => state == WorkerState.Dead);
        return silence;
    }

    /// <summary>The router itself stood still for so long: nobody else is to blame for it.</summary>
    internal void Forgive(TimeSpan pause)
    {
        var ticks = (long)(pause.TotalSeconds * Stopwatch.Frequency);
        Interlocked.Add(ref _announced, ticks);
        Interlocked.Add(ref _answered, ticks);
    }

    private void Become(WorkerState state, string problem, Func<WorkerState, bool> from)
    {
        CancellationTokenSource? lost = null;
        lock (_lock)
        {
            if (!from(_state)) return;
            // The old one has been cancelled and has no timer: nothing in it needs disposing, and somebody may just be about to register.
            if (_state == WorkerState.Dead && state == WorkerState.Alive) _lost = new CancellationTokenSource();
            _state = state;
            Volatile.Write(ref _problem, problem);
            if (state is WorkerState.Dead or WorkerState.Gone) lost = _lost;
        }
        // Outside of the lock: what waits for it goes on inline.
        lost?.Cancel();
        _onChange(this);
    }

    public void Dispose() => _lost.Dispose();
}

/// <summary>See <see cref="Worker"/>.</summary>
internal enum WorkerState
{
    Joining,
    Alive,
    Suspect,
    Dead,
    Gone,
}
