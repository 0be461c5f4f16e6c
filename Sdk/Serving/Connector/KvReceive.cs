using System.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// A prompt's cache on its way into a consumer's blocks, pushed by the producer or pulled from it. Has the leases; dispose it when the answer has
/// been generated, or to give up.
/// </summary>
/// <remarks>
/// <code>
///                 ┌─ everything has come ──→ received: leases ready (or to recompute)
/// begun ──────────┼─ failed, refused, corrupted, deadline, peer lost, expired ──→ failed: leases given up
///                 └─ CancelAsync, Dispose ──→ failed (Cancelled)
/// </code>
/// Blocks of a failed one are in quarantine until all peers have confirmed their end. Thread-safe.
/// </remarks>
[MustDispose("blocks of a pool")]
public abstract partial class KvReceive : IDisposable
{
    private readonly TaskCompletionSource<KvReceived> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(int Layer, TaskCompletionSource Done)> _layers = [];
    private readonly KvRequest _request;
    private readonly long _began;
    private int _disposed;

    private protected KvReceive(KvConnector connector, KvRequest request, long deadline, KvSource source, BlockLease[] leases, Activity? span)
    {
        Connector = connector;
        Span = span;
        _began = connector.Clock.Now;
        _request = request;
        Deadline = deadline;
        Source = source;
        Leases = leases;
        Payloads = new ReadOnlyMemory<byte>[source.Ranks.Count];
        Moved = new KvMoved[source.Ranks.Count];
        // A failure that nobody asks for is none of the finalizer's business.
        _completion.Task.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>The engines' name of the request.</summary>
    public string Name => _request.Name;

    /// <summary>The blocks of each group. They belong to this object.</summary>
    public IReadOnlyList<BlockLease> Leases { get; }

    /// <summary>Whether it has ended, well or not.</summary>
    public bool IsEnded => _completion.Task.IsCompleted;

    private protected KvSource Source { get; }

    /// <summary>Null while nobody listens.</summary>
    private protected Activity? Span { get; }

    private protected ReadOnlyMemory<byte>[] Payloads { get; }

    private protected KvMoved[] Moved { get; }

    /// <summary>When it is given up, by the connector's clock.</summary>
    internal long Deadline { get; }

    /// <summary>Of a group, the blocks that come from the producer and are not in the prefix cache.</summary>
    private protected int Wanted(int group) => _request.Groups[group].PromptBlocks - Leases[group].CachedBlocks;

    private protected KvConnector Connector { get; }

    private protected Lock Sync { get; } = new();

    /// <summary>Whether a layer of all the prompt's blocks is there, in every group that has it: decoding can begin on it.</summary>
    /// <param name="layer">The model's index of the layer.</param>
    /// <exception cref="ArgumentOutOfRangeException">This rank does not hold the layer.</exception>
    /// <exception cref="ObjectDisposedException">It failed or was given up.</exception>
    public bool HasLayer(int layer)
    {
        var held = false;
        for (var group = 0; group < Leases.Count; group++)
        {
            if (!Source.Plans[group].Layers.AsSpan().Contains(layer)) continue;
            held = true;
            if (Leases[group].State != BlockState.Ready && !Leases[group].HasLayer(layer)) return false;
        }
        return held ? true : throw new ArgumentOutOfRangeException(nameof(layer), layer, "This rank holds no such layer.");
    }

    /// <summary>Waits for a layer; ends at the latest at the request's deadline.</summary>
    /// <param name="layer">The model's index of the layer.</param>
    /// <param name="cancellationToken">Ends the waiting only.</param>
    /// <exception cref="KvHandoverException">It failed before.</exception>
    /// <exception cref="IncompleteArrivalException">It has ended without all of the layer, which the owner has to recompute.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask WaitForLayerAsync(int layer, CancellationToken cancellationToken = default)
    {
        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Sync)
        {
            if (!_completion.Task.IsFaulted && HasLayer(layer)) return;
            _layers.Add((layer, waiter));
        }
        if (IsEnded) LookAtLayers();
        await waiter.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for everything; ends at the latest at the request's deadline. Can be called again.</summary>
    /// <param name="cancellationToken">Ends the waiting only.</param>
    /// <exception cref="KvHandoverException">It failed; the message says why.</exception>
    /// <exception cref="IncompleteArrivalException">The producer has ended, and something is missing; the message says what.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ValueTask<KvReceived> WaitAsync(CancellationToken cancellationToken = default) => new(_completion.Task.WaitAsync(cancellationToken));

    /// <summary>
    /// Gives the request up and waits until nobody can touch its blocks any more. Ask, stop, quiesce, confirm: the blocks are free then.
    /// </summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <param name="cancellationToken">Ends the waiting only.</param>
    /// <returns>False if not all peers have confirmed in time: the blocks are in quarantine, and free when they do, or have exited.</returns>
    public async ValueTask<bool> CancelAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        KvNames.Check(timeout);
        Dispose();
        try
        {
            await WhenUntouchedAsync().WaitAsync(timeout, Connector.Options.TimeProvider, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Gives the blocks up, and the request if it has not ended: peers are asked to stop, and the blocks are free when they have. Never
    /// blocks.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Fail(new KvHandoverException(KvOutcome.Cancelled, $"The request '{Name}' was given up."));
        foreach (var lease in Leases) lease.Dispose();
        LookAtLayers();
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends it. Only the first reason counts.</summary>
    internal void Fail(Exception reason)
    {
        lock (Sync)
        {
            if (!_completion.TrySetException(reason)) return;
        }
        Stop(reason);
        foreach (var lease in Leases) lease.Dispose();
        LookAtLayers();
        Count(reason is IncompleteArrivalException ? null : (reason as KvHandoverException)?.Outcome ?? KvOutcome.Failed, 0, reason.Message);
    }

    /// <summary>Completes when no peer and no transport of ours can touch the blocks.</summary>
    private protected abstract Task WhenUntouchedAsync();

    /// <summary>Asks everybody to stop.</summary>
    private protected abstract void Stop(Exception reason);

    /// <summary>Everybody has ended well: takes stock. Without writers, so nothing can come any more.</summary>
    private protected void Complete()
    {
        try
        {
            var arrivals = new Arrival?[Leases.Count];
            for (var group = 0; group < arrivals.Length; group++)
            {
                if (Leases[group].State == BlockState.Ready) continue; // all of it was cached
                var arrival = arrivals[group] = Leases[group].GetArrival();
                if (arrival.IsComplete || !Recomputes) Leases[group].MarkReady(arrival);
            }
            var received = new KvReceived(arrivals, Payloads) { Moved = Moved };
            bool first;
            lock (Sync) first = _completion.TrySetResult(received);
            if (first) Count(received.IsComplete ? KvOutcome.Completed : null, received.IsComplete ? BytesWanted() : 0, received.IsComplete ? null : "Something is missing and has to be recomputed.");
        }
        catch (Exception e) when (e is NixlException or InvalidOperationException)
        {
            Fail(e);
        }
        LookAtLayers();
    }

    private long BytesWanted()
    {
        long bytes = 0;
        for (var group = 0; group < Leases.Count; group++) bytes += Wanted(group) * Source.Plans[group].BytesPerBlock;
        return bytes;
    }

    private void Count(KvOutcome? outcome, long bytes, string? why) => Connector.Ended(isProducer: false, IsPull, outcome, bytes, _began, Span, why);

    private protected abstract bool IsPull { get; }

    /// <summary>Wakes those whose layer has come, or never will.</summary>
    private protected void LookAtLayers()
    {
        lock (Sync)
        {
            if (_layers.Count == 0) return;
            var failure = _completion.Task.Exception?.InnerException;
            try
            {
                _layers.RemoveAll(waiter => failure is not null ? waiter.Done.TrySetException(failure) : HasLayer(waiter.Layer) ? waiter.Done.TrySetResult() : IsEnded && waiter.Done.TrySetException(Lacking(waiter.Layer)));
            }
            catch (Exception e) when (e is ObjectDisposedException or LeaseExpiredException)
            {
                // It is failing at this moment, and who fails it looks again after that. Or all has ended, and the blocks were given up.
                if (_completion.Task.IsCompletedSuccessfully) _layers.RemoveAll(waiter => waiter.Done.TrySetException(e));
            }
        }
    }

    // After the end nothing comes any more: who recomputes need not wait for it.
    private IncompleteArrivalException Lacking(int layer) => new(
        _completion.Task.Result.Arrivals.First(static arrival => arrival is { IsComplete: false })!,
        $"'{Name}' has ended without all of layer {layer}; what is missing has to be recomputed.");

    private protected bool Recomputes => _request.Policy == ArrivalPolicy.Recompute;
}
