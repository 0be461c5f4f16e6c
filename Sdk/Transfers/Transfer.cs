using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Nixl.Sdk.Diagnostics;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// A transfer between a local and a remote prepared list, posted by block ids as often as wanted, one post at a time. A post allocates
/// nothing.
/// </summary>
/// <remarks>
/// <code>
/// NotPosted ──PostAsync──→ Running ──┬─ every byte arrived ───────────────→ Succeeded ──PostAsync──→ Running …
///                                    ├─ failed, buffers free ─────────────→ Failed    ──PostAsync──→ Running …
///                                    └─ failed, buffers in use → Quiescing ──quiesced──→ Failed
/// </code>
/// Thread-safe. Each <see cref="ValueTask{T}"/> may be awaited once; one that is never awaited costs nothing. Until
/// <see cref="Quiesced"/> the transport may still read or write the blocks: after a failure (a time-out above all) they must not be
/// reused before that.
/// Transfers that are in flight together have no order, not even to one peer: await the outcome of the first before another one writes
/// the same block. What is ordered is a transfer and its own notification.
/// </remarks>
[MustDispose("a native transfer, and with it its lists and their registered memory")]
public sealed class Transfer : IDisposable, IValueTaskSource<TransferResult>, IOperationOwner
{
    private const long MostBytesNow = 64 * 1024;

    private readonly AgentRuntime _runtime;
    private readonly TransferHandle _handle;
    private readonly OperationSlot _slot;
    private readonly ulong _localList;
    private readonly ulong _remoteList;
    private readonly int _mostIdsNow; // more cannot be within what a poster copies itself

    internal Transfer(AgentRuntime runtime, TransferOperation operation, PreparedList local, PreparedList remote)
    {
        _runtime = runtime;
        Operation = operation;
        Local = local;
        Remote = remote;
        Peer = remote.Peer!;
        _handle = new TransferHandle(runtime, local.Handle, remote.Handle);
        _localList = local.Handle.Id;
        _remoteList = remote.Handle.Id;
        _slot = new OperationSlot(runtime, this);
        _mostIdsNow = local.BytesPerEntry > 0 ? (int)(MostBytesNow / local.BytesPerEntry) : 0;
    }

    /// <summary>The direction.</summary>
    public TransferOperation Operation { get; }

    /// <summary>The local side.</summary>
    public PreparedList Local { get; }

    /// <summary>The remote side.</summary>
    public PreparedList Remote { get; }

    /// <summary>The peer.</summary>
    public RemoteAgent Peer { get; }

    /// <summary>Where it is.</summary>
    public TransferState State => _slot.State;

    /// <summary>
    /// Completes, always successfully, when the transport can no longer touch the buffers of the last post; at once if nothing runs. May
    /// be awaited by several.
    /// </summary>
    public ValueTask Quiesced => new(_slot.WhenQuiesced());

    NixlTransports IOperationOwner.Transport => Peer.Transport;

    /// <summary>
    /// Moves blocks. Returns at once; the ids and the notification are copied before that. A transfer of at most 64 KiB between arenas of
    /// one machine is copied by the calling thread and has then ended already: awaiting it does not suspend.
    /// </summary>
    /// <param name="localIds">Ids in the local list, in the order of their counterparts.</param>
    /// <param name="remoteIds">As many ids in the remote list. The destination's ids must be distinct.</param>
    /// <param name="options">Notification, deadline, lease.</param>
    /// <param name="cancellationToken">Only asks for cancellation: the outcome may still be success.</param>
    /// <returns>The outcome, to be awaited at most once.</returns>
    /// <exception cref="InvalidOperationException">The last post is still running or not quiesced (REPOST_ACTIVE).</exception>
    /// <exception cref="NixlInvalidArgumentException">Unequal or zero counts, an id out of range, a destination twice.</exception>
    /// <exception cref="StalePeerException">The peer was invalidated or restarted.</exception>
    /// <exception cref="PeerSuspectException">The peer is silent.</exception>
    /// <exception cref="PeerDisconnectedException">The peer is gone. Thrown here or by the await.</exception>
    /// <exception cref="TransferTimeoutException">By the await: the deadline passed.</exception>
    /// <exception cref="OperationCanceledException">By the await: cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The transfer or its agent is disposed.</exception>
    public ValueTask<TransferResult> PostAsync(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, in PostOptions options = default,
        CancellationToken cancellationToken = default) =>
        TryPostNow(localIds, remoteIds, options, cancellationToken, out var result)
            ? new(result)
            : new(this, Post(localIds, remoteIds, options, cancellationToken));

    /// <summary>Moves blocks and notifies the peer once every byte is visible there.</summary>
    /// <inheritdoc cref="PostAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, in PostOptions, CancellationToken)"/>
    /// <param name="localIds">Ids in the local list, in the order of their counterparts.</param>
    /// <param name="remoteIds">As many ids in the remote list. The destination's ids must be distinct.</param>
    /// <param name="notification">Payload for the peer; may be empty; at most 65,536 bytes.</param>
    /// <param name="timeout">Deadline from now; zero = the agent's default.</param>
    /// <param name="cancellationToken">Only asks for cancellation: the outcome may still be success.</param>
    public ValueTask<TransferResult> PostAsync(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, ReadOnlySpan<byte> notification, TimeSpan timeout = default,
        CancellationToken cancellationToken = default) =>
        PostAsync(localIds, remoteIds, new PostOptions { Notification = notification, Timeout = timeout }, cancellationToken);

    /// <summary>Asks for cancellation of what runs now. The outcome may still be success; the buffers are free at
    /// <see cref="Quiesced"/>.</summary>
    public void Cancel() => _slot.Cancel();

    /// <summary>
    /// Ends the use of this object: a running post is asked to cancel and still reports its outcome to who awaits it; lists and memory stay
    /// held until it is quiesced. Never blocks, never throws.
    /// </summary>
    public void Dispose() => _slot.Dispose();

    TransferResult IValueTaskSource<TransferResult>.GetResult(short token) => _slot.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<TransferResult>.GetStatus(short token) => _slot.GetStatus(token);

    void IValueTaskSource<TransferResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _slot.OnCompleted(continuation, state, token, flags);

    Exception? IOperationOwner.OnOutcome(in NativeEvent outcome)
    {
        NixlMetrics.TransferEnded(_runtime.Name, Peer.Name, Peer.Transport, Operation, outcome);
        if (outcome.Status >= 0)
            return null;
        return NixlErrors.Create(OutcomeDetails.Of(outcome, Peer), Describe());
    }

    void IOperationOwner.OnReleased() => _handle.Dispose();

    /// <summary>Posts what the calling thread can complete by itself. False: nothing was done; use <see cref="Post"/>.</summary>
    internal unsafe bool TryPostNow(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, in PostOptions options, CancellationToken cancellationToken,
        out TransferResult result)
    {
        result = default;
        if (localIds.Length > _mostIdsNow || localIds.Length != remoteIds.Length || Peer.Transport != NixlTransports.Local)
            return false;
        NativeEvent done;
        _runtime.Gate.Enter();
        try
        {
            _slot.BeginNow(cancellationToken);
            NixlStatus status;
            fixed (int* local = localIds)
            fixed (int* remote = remoteIds)
            fixed (byte* notification = options.Notification)
            {
                var parameters = Parameters(local, remote, localIds.Length, notification, options);
                status = _runtime.Core.PostNow(ref parameters, out done);
            }

            if (status != NixlStatus.Success)
            {
                _slot.AbortNow();
                return status == NixlStatus.NotPosted ? false : throw PostFailure(status, localIds, remoteIds);
            }
        }
        finally
        {
            _runtime.Gate.Exit();
        }

        result = _slot.EndNow(done);
        return true;
    }

    /// <summary>The post itself. Returns the version of the one <see cref="ValueTask{T}"/> that may be made of this source: for
    /// <see cref="PooledTransfer"/>, which puts itself between source and awaiter.</summary>
    internal unsafe short Post(
        ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds, in PostOptions options, CancellationToken cancellationToken)
    {
        if (localIds.Length != remoteIds.Length)
            throw UnequalCounts(localIds.Length, remoteIds.Length);
        var timeout = Durations.ToNanoseconds(options.Timeout);
        var userData = _slot.Begin(cancellationToken);
        ulong operation;
        try
        {
            _runtime.Gate.Enter();
            try
            {
                // The spans stay in place during the call; the core copies what they hold.
                fixed (int* local = localIds)
                fixed (int* remote = remoteIds)
                fixed (byte* notification = options.Notification)
                {
                    var parameters = Parameters(local, remote, localIds.Length, notification, options);
                    parameters.TimeoutNs = timeout;
                    parameters.UserData = userData;
                    var status = _runtime.Core.Post(ref parameters, out operation);
                    if (status < 0)
                        throw PostFailure(status, localIds, remoteIds);
                }
            }
            finally
            {
                _runtime.Gate.Exit();
            }
        }
        catch
        {
            _slot.Abort();
            throw;
        }

        return _slot.Posted(operation);
    }

    private unsafe NativePostParams Parameters(int* local, int* remote, int count, byte* notification, in PostOptions options) => new()
    {
        Op = (uint)Operation,
        LocalList = _localList,
        RemoteList = _remoteList,
        LocalIds = (uint*)local,
        RemoteIds = (uint*)remote,
        IdCount = (ulong)count,
        Notification = notification,
        NotificationLength = (uint)options.Notification.Length,
        Flags = options.Notify ? (uint)NativePostFlags.Notify : 0,
        Request = new NativeRequestHeader { LeaseToken = options.LeaseToken, Attempt = options.Attempt },
    };

    private string Describe() => Operation == TransferOperation.Write ? $"WRITE to '{Peer.Name}'" : $"READ from '{Peer.Name}'";

    [MethodImpl(MethodImplOptions.NoInlining)]
    private NixlInvalidArgumentException UnequalCounts(int local, int remote) => new(
        NixlStatus.InvalidParameter,
        $"{Describe()}: INVALID_PARAM: {local} local ids but {remote} remote ids; each block needs its counterpart.") { Peer = Peer.Name };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Exception PostFailure(NixlStatus status, ReadOnlySpan<int> localIds, ReadOnlySpan<int> remoteIds)
    {
        var details = _runtime.Core.LastError() with { Status = status };
        if (status == NixlStatus.InvalidParameter && details.Entry is { } entry && entry < localIds.Length
            && (localIds[(int)entry] < 0 || remoteIds[(int)entry] < 0))
        {
            // The core sees unsigned numbers; say what the caller passed.
            details = details with { Text = $"ids cannot be negative: local {localIds[(int)entry]}, remote {remoteIds[(int)entry]}" };
        }

        return NixlErrors.Create(details with { Peer = details.Peer ?? Peer.Name }, Describe());
    }
}
