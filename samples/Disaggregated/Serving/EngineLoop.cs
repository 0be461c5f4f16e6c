using System.Collections.Concurrent;
using System.Diagnostics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The thread that computes: step after step as long as there is something to compute, and in between what others have posted. Nothing on it
/// waits for a peer or a client.
/// </summary>
internal sealed class EngineLoop : IDisposable
{
    // Blocks come back without a word when a peer confirms its end: whoever waits for some looks again.
    private static readonly TimeSpan BlocksMayBeBack = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _closing = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Dictionary<Sequence, ISequenceOwner> _owners = [];
    private readonly EngineCounters _counters;
    private readonly EngineCore _core;
    private readonly Thread _thread;
    private TaskCompletionSource _turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _shortSince = long.MaxValue; // who came later waits
    private long _queuedTokens;
    private volatile bool _stopping;
    private bool _told; // the loop's: somebody has got a token since the last step began
    private bool _closed;

    internal EngineLoop(string name, EngineCore core, EngineCounters counters)
    {
        (_core, _counters) = (core, counters);
        core.Admitted = sequence => _owners[sequence].Admitted(sequence);
        _thread = new Thread(Run) { IsBackground = true, Name = $"{name} steps" };
    }

    /// <summary>Why it ended by itself; null as long as it runs.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Raised on the loop's thread when a rank has failed: nothing is computed any more.</summary>
    internal event Action<Exception>? Failed;

    /// <summary>Raised on the loop's thread, between steps, as long as somebody waits for blocks.</summary>
    internal event Action? ShortOfBlocks;

    /// <summary>Raised on the loop's thread after a step that was nothing but answers: how many, and how long it took.</summary>
    internal event Action<int, TimeSpan>? Decoded;

    /// <summary>Sequences without blocks, and those in the steps; as of the last step.</summary>
    internal (int Waiting, int Running) Load { get; private set; }

    /// <summary>Tokens of prompts that are still to be computed here; as of the last step.</summary>
    internal long QueuedTokens => Interlocked.Read(ref _queuedTokens);

    internal void Start() => _thread.Start();

    /// <summary>Has something done between two steps.</summary>
    /// <exception cref="InvalidOperationException">Nothing is computed any more.</exception>
    internal void Post(Action action)
    {
        lock (_closing)
        {
            if (_closed) throw new InvalidOperationException($"The engine computes no more{(Failure is { } failure ? $": {failure.Message}" : "")}.", Failure);
            _posted.Enqueue(action);
        }
        _wake.Set();
    }

    /// <summary>
    /// Waits until nobody in the steps' queue that came earlier lacks blocks. Whoever reserves elsewhere asks here before: the pools serve their own
    /// waiters first, so that a stream of those would keep sequences out for ever.
    /// </summary>
    /// <param name="order">When the caller came.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    internal async Task WaitForTurnAsync(long order, CancellationToken cancellation)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _turn).Task; // before the look
            if (order <= Interlocked.Read(ref _shortSince)) return;
            await changed.WaitAsync(cancellation);
        }
    }

    /// <summary>Blocks have come back.</summary>
    internal void Wake() => _wake.Set();

    /// <summary>Adds a sequence. On the loop.</summary>
    /// <exception cref="ArgumentException">It can never be computed.</exception>
    internal Sequence Add(SequenceSpec spec, ISequenceOwner owner)
    {
        var sequence = _core.Add(spec);
        _owners.Add(sequence, owner);
        return sequence;
    }

    /// <summary>Adds a sequence whose prompt has come, and whose owner has told the first token already. On the loop.</summary>
    /// <exception cref="ArgumentException">It can never be computed; the leases are still the caller's.</exception>
    internal Sequence Adopt(SequenceSpec spec, IReadOnlyList<BlockLease> leases, int firstToken, ISequenceOwner owner)
    {
        var sequence = _core.Adopt(spec, leases, firstToken);
        if (sequence.State != SequenceState.Finished) _owners.Add(sequence, owner);
        _told = true;
        return sequence;
    }

    /// <summary>Ends a sequence, whose owner is not told anything more. Completes when the model does not touch its blocks any more.</summary>
    /// <param name="sequence">Asked on the loop, after all that was posted before.</param>
    internal async Task AbortAsync(Func<Sequence?> sequence)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            Post(() =>
            {
                if (sequence() is { } found && _owners.Remove(found)) _core.Abort(found);
                done.SetResult();
            });
            await done.Task;
        }
        catch (InvalidOperationException)
        {
            await _ended.Task; // the last step is over
            sequence()?.Release();
        }
    }

    /// <summary>Ends after the step that is being computed.</summary>
    public void Dispose()
    {
        _stopping = true;
        _wake.Set();
        if (_thread.IsAlive) _thread.Join();
    }

    private void Run()
    {
        try
        {
            while (!_stopping)
            {
                while (_posted.TryDequeue(out var action)) action();
                // Tokens that were told wait for a thread that sends them, often on this very core; a step is long.
                if (_told) Thread.Yield();
                var started = Stopwatch.GetTimestamp();
                var result = _core.Step();
                if (result is { PromptTokens: 0, Tokens: > 0 }) Decoded?.Invoke(result.Tokens, Stopwatch.GetElapsedTime(started));
                _told = Tell(result);
                Load = (_core.Waiting, _core.Running);
                Interlocked.Exchange(ref _queuedTokens, _core.QueuedTokens);
                LetInTurn(_core.ShortOfBlocks?.Spec.Order ?? long.MaxValue);
                if (_core.ShortOfBlocks is not null) ShortOfBlocks?.Invoke();
                if (result.IsIdle && _posted.IsEmpty && !_stopping) _wake.WaitOne(_core.Waiting > 0 ? BlocksMayBeBack : Idle);
            }
        }
        catch (Exception e)
        {
            Failure = e;
            Failed?.Invoke(e);
        }
        lock (_closing) _closed = true;
        LetInTurn(long.MaxValue);
        while (_posted.TryDequeue(out var action)) action(); // somebody waits for it; no step follows
        _ended.SetResult();
    }

    private void LetInTurn(long shortSince)
    {
        if (Interlocked.Exchange(ref _shortSince, shortSince) == shortSince) return;
        Interlocked.Exchange(ref _turn, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    /// <returns>Whether anybody was told anything.</returns>
    private bool Tell(StepResult result)
    {
        EngineCounters.Add(ref _counters.TokensComputed, result.Tokens);
        EngineCounters.Add(ref _counters.PromptTokensComputed, result.PromptTokens);
        foreach (var (sequence, token) in result.Outputs) Emit(sequence, token);
        foreach (var sequence in result.Failed)
            if (_owners.Remove(sequence, out var owner)) owner.NotNumbers(sequence);
        return result.Outputs.Count > 0 || result.Failed.Count > 0;
    }

    private void Emit(Sequence sequence, int token)
    {
        var owner = _owners[sequence];
        if (sequence.State == SequenceState.Finished) _owners.Remove(sequence);
        owner.Token(sequence, token);
    }
}
