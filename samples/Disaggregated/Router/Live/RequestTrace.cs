namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The time line of one request, from the events of the engines that work for it. Bounded; thread-safe.</summary>
internal sealed class RequestTrace(LiveFeed feed, string id, string prompt, int promptTokens, int maxTokens)
{
    private const int MostSpans = 64, MostLayers = 256;

    private readonly Lock _lock = new();
    private readonly double _created = Clock.Now;
    private readonly List<Span> _spans = [];
    private readonly List<double> _layers = [];
    private string _state = "queued", _reason = "", _decode = "", _prefill = "", _why = "";
    private int _cached, _tokens, _failovers;
    private long _bytes;
    private double? _first, _firstSeen, _ended;
    private double _taken, _chosen;
    private bool _firstIsAhead;
    private LiveHandover? _handover;
    private long _version = feed.NextVersion();

    /// <summary>Grows with each change.</summary>
    internal long Version
    {
        get
        {
            lock (_lock) return _version;
        }
    }

    /// <summary>It is sent to an engine.</summary>
    internal void Sent(string engine) => Change(() =>
    {
        _decode = engine;
        Open("queued", engine, _spans.Count == 0 ? _created : Clock.Now);
    });

    /// <summary>An engine says what has happened.</summary>
    internal void On(EngineEvent happened) => Change(() =>
    {
        switch (happened)
        {
            case QueuedEvent queued: _taken = queued.At; break;
            case ReservedEvent reserved when _tokens == 0: _cached = reserved.CachedTokens; break;
            case PrefillEvent prefill:
                (_prefill, _why, _chosen) = (prefill.Engine, prefill.Why, prefill.At);
                if (_tokens == 0) _state = "prefill";
                Open("prefill", prefill.Engine, prefill.At);
                break;
            case FailoverEvent failover:
                _failovers++;
                _prefill = failover.To;
                Close(failover.At, failed: true);
                Open("prefill", failover.To, failover.At);
                break;
            case LayerEvent layer when _layers.Count < MostLayers: _layers.Add(layer.At); break;
            case ArrivedEvent arrived: Arrived(arrived); break;
            case FirstTokenEvent first when _first is null: (_first, _firstSeen, _firstIsAhead) = (first.At, Clock.Now, true); break;
            case TokenEvent token: Token(token); break;
            default: break;
        }
    });

    /// <summary>An engine failed; another one goes on.</summary>
    internal void FailedOver(string reason) => Change(() =>
    {
        _failovers++;
        _reason = reason;
        Close(Clock.Now, failed: true);
    });

    /// <summary>It has ended: done, aborted, refused or failed.</summary>
    internal void End(string state, string reason) => Change(() =>
    {
        if (_ended is not null) return;
        (_state, _reason, _ended) = (state, reason, Clock.Now);
        Close(_ended.Value, failed: state == "failed");
    });

    internal LiveRequest View()
    {
        lock (_lock)
        {
            return new LiveRequest(
                id, prompt, promptTokens, _cached, maxTokens, _tokens, _state, _reason, _decode, _prefill, _why, _created, _first, _ended, _bytes,
                [.. _spans.Select(span => new LiveSpan(span.Kind, span.Engine, span.Start, span.End, span.Failed))], [.. _layers], _failovers)
            {
                Handover = _handover, FirstTokenSeen = _firstSeen, FirstTokenAhead = _firstIsAhead,
            };
        }
    }

    // The engine tells afterwards what was when. Its clock is ours on one machine; on another one, the spans are laid from the arrival backwards.
    private void Arrived(ArrivedEvent arrived)
    {
        _bytes += arrived.Bytes;
        _handover = new LiveHandover(
            _taken, _chosen, arrived.PrefillAskedAt ?? _chosen, arrived.At, arrived.PrefillQueuedMs, arrived.PrefillMs, arrived.TransferMs, arrived.ExposedTransferMs,
            arrived.MovingMs);
        var engine = _prefill;
        var floor = _spans is [.., var last] ? last.End ?? last.Start : _created;
        if (_spans is [.., { Kind: "prefill", End: null }]) _spans.RemoveAt(_spans.Count - 1);
        // What was sent ahead was begun before its decode engine had chosen; that one may have asked for it long after it was computed.
        var isAhead = arrived.PrefillAskedAt is { } early && _spans is [.., { Kind: "queued" } queued] && early >= queued.Start && early < floor;
        if (isAhead) _spans[^1].End = floor = arrived.PrefillAskedAt!.Value;
        var length = arrived.PrefillQueuedMs + arrived.PrefillMs + arrived.ExposedTransferMs;
        var asked = arrived.PrefillAskedAt is { } at && at >= floor && at + length <= arrived.At ? at : arrived.At - length;
        var start = asked + arrived.PrefillQueuedMs;
        var end = start + arrived.PrefillMs;
        var moved = isAhead ? arrived.At : end + arrived.ExposedTransferMs;
        Add("prefillQueued", engine, floor, start); // from the question on: its way there is waiting, too
        Add("prefill", engine, start, end);
        Add("transfer", engine, moved - arrived.TransferMs, moved);

        void Add(string kind, string by, double from, double to)
        {
            if (_spans.Count < MostSpans) _spans.Add(new Span(kind, by, Math.Max(floor, from)) { End = Math.Max(floor, to) });
        }
    }

    private void Token(TokenEvent token)
    {
        _tokens++;
        _first ??= token.At;
        _firstSeen ??= Clock.Now;
        _state = "decode";
        if (_spans is not [.., { Kind: "decode", End: null }]) Open("decode", _decode, token.At);
    }

    private void Open(string kind, string engine, double at)
    {
        Close(at, failed: false);
        if (_spans.Count < MostSpans) _spans.Add(new Span(kind, engine, at));
    }

    private void Close(double at, bool failed)
    {
        if (_spans is [.., { End: null } last]) (last.End, last.Failed) = (Math.Max(last.Start, at), failed);
    }

    private void Change(Action change)
    {
        lock (_lock)
        {
            change();
            _version = feed.NextVersion(); // inside of the lock: who has seen this number waits here for what belongs to it
        }
    }

    private sealed class Span(string kind, string engine, double start)
    {
        internal string Kind => kind;

        internal string Engine => engine;

        internal double Start => start;

        internal double? End { get; set; }

        internal bool Failed { get; set; }
    }
}
