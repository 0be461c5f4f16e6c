namespace Nixl.Sdk.Serving;

/// <summary>
/// A consumer's request for a prompt's cache. Accept it with the blocks in which the cache is, or will be; write as the layers and chunks become
/// ready; complete it. Dispose it in any case: the consumer's blocks are locked until it has ended.
/// </summary>
/// <remarks>
/// <code>
/// read ──Accept──→ accepted ──Write…──→ … ──CompleteAsync──→ completed (the consumer is told, after the last WRITE)
///   │                 │ a WRITE fails, the consumer cancels, the deadline passes
///   │                 └──────────────────→ stopped: no more WRITEs
///   └──DisposeAsync, FailAsync──────────────────────────────→ failed (the consumer is told, after the last WRITE has quiesced)
/// </code>
/// Thread-safe: several WRITEs may be on their way at once. What is cached at the consumer is left out by itself.
/// </remarks>
[MustDispose("a consumer's locked blocks")]
public sealed partial class KvPush : IAsyncDisposable
{
    private readonly Lock _sync = new();
    private readonly CancellationTokenSource _abort = new();
    private readonly KvConnector _connector;
    private readonly KvHeld _held;
    private readonly RemoteKvPool _consumer;
    private readonly KvPushPlan _plan;
    private BlockLease[]? _leases;
    private TaskCompletionSource? _idle;
    private Exception? _failure;
    private int _running;
    private bool _closed;

    internal KvPush(KvConnector connector, KvHeld held, RemoteKvPool consumer, KvPushPlan plan)
    {
        _connector = connector;
        _held = held;
        _consumer = consumer;
        _plan = plan;
    }

    /// <summary>The engines' name of the request.</summary>
    public string Name => _held.Access.Name;

    /// <summary>The consumer.</summary>
    public PeerIdentity Consumer => _held.Identity;

    /// <summary>The engine's own bytes, as the consumer's engine has sent them.</summary>
    public ReadOnlyMemory<byte> Payload => _held.Access.Payload;

    /// <summary>Cancelled when the request has to end: the consumer has cancelled it, its deadline has passed, its connection is gone. Stop
    /// computing, and dispose the request.</summary>
    public CancellationToken Stopped => _held.Stopped;

    /// <summary>Whether the consumer lacks nothing of this rank: only the end has to be told.</summary>
    public bool IsFullHit => _plan.Groups.Count == 0;

    /// <summary>The consumer's first block of a group that is wanted; those before are cached there.</summary>
    /// <param name="group">The group's index in the layout.</param>
    public int FirstWanted(int group = 0) => Find(group)?.First ?? 0;

    /// <summary>The consumer's blocks of a group that are wanted.</summary>
    /// <param name="group">The group's index in the layout.</param>
    public int CountWanted(int group = 0) => Find(group)?.Blocks.Length ?? 0;

    /// <summary>Says in which blocks the prompt is. They stay the caller's, who may give them up at any time: they are held while a WRITE reads
    /// them.</summary>
    /// <param name="leases">The blocks of each group, from the prompt's first token.</param>
    /// <exception cref="ArgumentException">There are fewer blocks than the consumer wants.</exception>
    /// <exception cref="InvalidOperationException">It was accepted already, or has ended.</exception>
    public void Accept(params ReadOnlySpan<BlockLease> leases)
    {
        if (leases.Length != _consumer.Local.Groups.Length)
            throw new ArgumentException($"The layout has {_consumer.Local.Groups.Length} groups; {leases.Length} leases are given.", nameof(leases));
        foreach (var (wanted, group) in _plan.Groups)
        {
            var (local, remote) = _consumer.UnitsOf(group, TransferOperation.Write);
            var needed = KvBlockSpan.Translate((remote, local), wanted.First, wanted.Blocks.Length, wanted.Name);
            if (leases[group].Blocks.Length < needed.First + needed.Count)
                throw new ArgumentException($"Request '{Name}' wants the tokens of {needed.First + needed.Count} blocks of group '{wanted.Name}'; the lease has {leases[group].Blocks.Length}.", nameof(leases));
        }
        lock (_sync)
        {
            if (_leases is not null || _closed) throw new InvalidOperationException($"Request '{Name}' was accepted already, or has ended.");
            _leases = leases.ToArray();
        }
    }

    /// <summary>Everything is written: waits for the WRITEs that are on their way, and tells the consumer.</summary>
    /// <param name="payload">The engine's own bytes for the consumer, for example the first token; at most 60 KiB.</param>
    /// <param name="cancellationToken">Ends the waiting only; dispose it then.</param>
    /// <exception cref="KvHandoverException">It had to end before; the consumer was told that it failed.</exception>
    /// <exception cref="NixlException">A WRITE failed; likewise.</exception>
    public async ValueTask CompleteAsync(ReadOnlyMemory<byte> payload = default, CancellationToken cancellationToken = default)
    {
        if (payload.Length > MaxPayload) throw new ArgumentException($"{payload.Length} bytes are more than the {MaxPayload} that go with the end of a hand-over.", nameof(payload));
        await CloseAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        var failure = _failure ?? _held.Complete(payload);
        if (failure is null) return;
        failure = _held.Reason ?? failure;
        TellFailure(failure);
        throw failure;
    }

    /// <summary>It cannot be served: stops the WRITEs that are on their way, waits until they have quiesced, and tells the consumer.</summary>
    /// <param name="reason">Why, in words, for the consumer's log.</param>
    public async ValueTask FailAsync(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason); // before anything has ended
        await _abort.CancelAsync().ConfigureAwait(false);
        await CloseAsync().ConfigureAwait(false);
        if (_held.Reason is { } stopped) TellFailure(stopped);
        else _held.End(KvOutcome.Failed, reason, default);
    }

    /// <summary>Ends it, if it has not ended, as failed.</summary>
    public ValueTask DisposeAsync() => FailAsync(_failure?.Message ?? "The producer has given it up.");

    /// <summary>For tests.</summary>
    internal ulong AccessId => _held.Access.Id;

    /// <summary>For tests.</summary>
    internal ulong TokenOf(int group) => _plan.Groups[group].Wanted.Token;

    internal void LeaveQueue() => _held.Waiting?.Free();

    internal bool TryTake() => _held.TryTake();

    internal void Refuse(string why) => _held.Stop(new KvHandoverException(KvOutcome.Refused, why));

    private const int MaxPayload = 60 * 1024;

    private void TellFailure(Exception failure) => _held.End(
        failure is KvHandoverException handover ? KvHeld.OutcomeToTell(handover) : KvOutcome.Failed, failure.Message, default);

    private KvAccessGroup? Find(int group)
    {
        foreach (var (wanted, index) in _plan.Groups)
            if (index == group) return wanted;
        return null;
    }

    /// <summary>No WRITE begins any more; completes when the last one's transport cannot touch a block.</summary>
    private Task CloseAsync()
    {
        lock (_sync)
        {
            _closed = true;
            if (_running == 0) return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }
}
