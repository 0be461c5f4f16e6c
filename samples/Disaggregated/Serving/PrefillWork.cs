using System.Diagnostics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A prompt that a decode engine wants: computed once, and written to each of its ranks while it is computed. It may be begun before the decode engine
/// asks, when a router has sent it ahead. Has all pushes of it and ends them, whatever happens.
/// <code>
/// RunAsync ──→ computed, layer by layer ──────────────────→ first token
///                │ once the decode engine has asked (TryJoin)   │
///                └──→ layers written ───────────────────────────┴──→ end told
/// </code>
/// </summary>
internal sealed class PrefillWork(string name, long order, int[] prompt, ServingEngineOptions options, EngineLoop loop, EngineCounters counters) : ISequenceOwner
{
    // What waits for it goes on at once, on the loop's thread: the router and the decode engine are told by messages that nothing waits for.
    private readonly TaskCompletionSource<int> _firstToken = new();
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PrefillWriter _writer = new(options.TensorParallel, KjvBytesKv.Schema.Groups[0].Layers, prompt.Length, KjvBytesKv.Schema.Groups[0].BlockTokens, counters);
    private readonly Lock _lock = new();
    private readonly double _begunAt = Clock.Now;
    private readonly long _begun = Stopwatch.GetTimestamp();
    private IReadOnlyList<(int Rank, KvPush Push)> _pushes = [];
    private BlockLease[]? _leases; // of each rank; admitted
    private Exception? _refusal; // its blocks are not what was asked for
    private string _whyGivenUp = "No decode engine has asked for it in time.";
    private bool _ended;
    private bool _isHeard;
    private long _started;
    private int _cached;
    private Sequence? _sequence; // the loop's

    /// <summary>The token that follows the prompt, once it is computed. What waits for it must not hold the thread up.</summary>
    internal Task<int> FirstToken => _firstToken.Task;

    /// <summary>Ends when a decode engine has asked for it; cancelled if it has ended before.</summary>
    internal Task Asked => _asked.Task;

    /// <summary>The decode engine's requests, once it has asked.</summary>
    internal IReadOnlyList<(int Rank, KvPush Push)> Pushes
    {
        get
        {
            lock (_lock) return _pushes;
        }
    }

    /// <summary>How long it has had blocks for nobody: zero unless it has some, and no decode engine has asked for it.</summary>
    internal TimeSpan Idle
    {
        get
        {
            lock (_lock) return _leases is null || _ended || _pushes.Count > 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_begun);
        }
    }

    internal bool IsOf(ReadOnlySpan<int> tokens) => tokens.SequenceEqual(prompt);

    /// <summary>Whether the caller is the router that is told the first token, and gives the prompt up when it goes: there is one at most.</summary>
    internal bool TryListen() => !Interlocked.Exchange(ref _isHeard, true);

    /// <summary>A decode engine has asked for it: its cache is written there.</summary>
    /// <param name="pushes">Of each own rank those that ask it. On true they are this work's to end.</param>
    /// <returns>False if it has ended, or if somebody has asked for it already.</returns>
    internal bool TryJoin(IReadOnlyList<(int Rank, KvPush Push)> pushes)
    {
        lock (_lock)
        {
            if (_ended || _pushes.Count > 0) return false;
            _pushes = pushes;
            AcceptUnderLock();
        }
        _asked.SetResult();
        return true;
    }

    /// <summary>Nobody wants it any more: ends it, unless a decode engine has asked for it.</summary>
    /// <param name="why">In words, for who waits for its first token.</param>
    internal void GiveUp(string why)
    {
        lock (_lock)
        {
            if (_ended || _pushes.Count > 0) return;
            _whyGivenUp = why;
        }
        Close();
    }

    /// <summary>Ends it instead of running it, and tells everybody why.</summary>
    internal async Task RefuseAsync(string why)
    {
        _firstToken.TrySetException(new InvalidOperationException(why));
        foreach (var (_, push) in Close()) await push.FailAsync(why); // waits until the transport is done with the blocks
    }

    /// <summary>Computes and writes it.</summary>
    /// <param name="patience">How long it waits for a decode engine to ask.</param>
    /// <param name="ending">The engine ends.</param>
    /// <returns>Whether all of it went over; who waits for it has been told why not.</returns>
    internal async Task<bool> RunAsync(TimeSpan patience, CancellationToken ending)
    {
        try
        {
            var spec = new SequenceSpec(name, prompt, MaxNewTokens: 1) { Order = order, Pinned = true, KeepBlocks = true, Stored = Stored };
            loop.Post(() => Add(spec));
            await _asked.Task.WaitAsync(patience, ending);
            await HandOverAsync(ending);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            var reason = ending.IsCancellationRequested ? "The engine ends." : Pushes.Count == 0 ? _whyGivenUp : e.Message;
            await RefuseAsync(reason);
            return false;
        }
        finally
        {
            await loop.AbortAsync(() => _sequence);
            _sequence?.Release();
            foreach (var (_, push) in Close()) await push.DisposeAsync();
            loop.Wake();
        }
    }

    void ISequenceOwner.Admitted(Sequence sequence)
    {
        (_started, _cached) = (Stopwatch.GetTimestamp(), sequence.CachedTokens);
        lock (_lock)
        {
            _leases = [.. sequence.Leases];
            AcceptUnderLock();
        }
        if (_refusal is { } refusal) Fail(refusal);
        if (sequence.CachedTokens == 0) return;
        for (var rank = 0; rank < options.TensorParallel; rank++)
            for (var layer = 0; layer < KjvBytesKv.Schema.Groups[0].Layers; layer++) _writer.Stored(rank, layer, sequence.CachedTokens);
    }

    void ISequenceOwner.Token(Sequence sequence, int token)
    {
        _writer.ComputedAt = Stopwatch.GetTimestamp();
        _firstToken.TrySetResult(token);
    }

    void ISequenceOwner.NotNumbers(Sequence sequence) =>
        Fail(new InvalidOperationException("The logits are not numbers: a block of the prompt's cache was read that was not written."));

    private void Add(SequenceSpec spec)
    {
        try
        {
            _sequence = loop.Add(spec, this);
        }
        catch (ArgumentException e)
        {
            Fail(e);
        }
    }

    /// <summary>It cannot be computed. Who asks later does not join it: it is computed anew for him.</summary>
    private void Fail(Exception problem)
    {
        _firstToken.TrySetException(problem);
        GiveUp(problem.Message);
    }

    /// <summary>Once there are both blocks and somebody who wants them, in whichever order they have come.</summary>
    private void AcceptUnderLock()
    {
        if (_leases is null) return;
        try
        {
            foreach (var (rank, push) in _pushes) push.Accept(_leases[rank]);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            _refusal = e;
        }
    }

    private void Stored(int rank, int layer, int positions)
    {
        _writer.Stored(rank, layer, positions);
        options.Stored?.Invoke(rank, layer, positions);
    }

    private async Task HandOverAsync(CancellationToken ending)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource([ending, .. _pushes.Select(pair => pair.Push.Stopped)]);
        try
        {
            if (_refusal is { } refusal) throw refusal;
            var writing = _writer.RunAsync(_pushes.ToLookup(pair => pair.Rank, pair => pair.Push), stop.Token);
            var computing = _firstToken.Task.WaitAsync(stop.Token);
            await await Task.WhenAny(writing, computing); // a WRITE that fails ends the computing, too
            var token = await computing;
            await writing;
            await CompleteAsync(token, stop.Token);
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    /// <summary>Every byte is there: the decode engine's ranks are told.</summary>
    private async Task CompleteAsync(int token, CancellationToken cancellation)
    {
        var (transfer, exposed) = _writer.Times;
        var payload = new PromptComputed(
            token, Stopwatch.GetElapsedTime(_begun, _started).TotalMilliseconds, Stopwatch.GetElapsedTime(_started, _writer.ComputedAt).TotalMilliseconds,
            transfer.TotalMilliseconds, exposed.TotalMilliseconds) { AskedAt = _begunAt, Computed = prompt.Length - _cached, MovingMs = _writer.Moving.TotalMilliseconds }.ToBytes();
        foreach (var (_, push) in _pushes) await push.CompleteAsync(payload, cancellation);
    }

    /// <summary>Nobody joins any more; ends the waiting for it.</summary>
    /// <returns>What has joined.</returns>
    private IReadOnlyList<(int Rank, KvPush Push)> Close()
    {
        lock (_lock)
        {
            _ended = true;
            if (_pushes.Count == 0) _asked.TrySetCanceled();
            return _pushes;
        }
    }
}
