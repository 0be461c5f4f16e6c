using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

public sealed partial class KvPush
{
    /// <summary>Writes everything that the consumer lacks.</summary>
    /// <param name="cancellationToken">Asks for cancellation, which makes the request fail.</param>
    /// <exception cref="NixlException">The WRITE failed, and so has the request.</exception>
    /// <exception cref="KvHandoverException">The request has to end.</exception>
    /// <exception cref="InvalidOperationException">It was not accepted, or has ended.</exception>
    public async ValueTask WriteAsync(CancellationToken cancellationToken = default)
    {
        foreach (var (_, group) in _plan.Groups)
            await WriteAsync(group, AllLayers, null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes one layer of all blocks, of every group that has it, while the next layer is computed. A layer that the consumer does not
    /// want of this rank is left out.</summary>
    /// <param name="layer">The model's index of the layer.</param>
    /// <param name="cancellationToken">Asks for cancellation, which makes the request fail.</param>
    /// <exception cref="NotSupportedException">Layers lie together in memory, so that they cannot be written one by one.</exception>
    /// <inheritdoc cref="WriteAsync(CancellationToken)"/>
    public async ValueTask WriteLayerAsync(int layer, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        foreach (var (wanted, group) in _plan.Groups)
            if (HasLayer(wanted, layer)) await WriteAsync(group, layer, null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes some blocks of a group, all layers: a chunk that was computed.</summary>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="first">The first block's position in the own lease.</param>
    /// <param name="count">Blocks.</param>
    /// <param name="cancellationToken">Asks for cancellation, which makes the request fail.</param>
    /// <exception cref="ArgumentException">They begin or end within a block of the consumer.</exception>
    /// <inheritdoc cref="WriteAsync(CancellationToken)"/>
    public ValueTask WriteBlocksAsync(int group, int first, int count, CancellationToken cancellationToken = default) =>
        Find(group) is null ? default : WriteAsync(group, AllLayers, Checked(first, count), cancellationToken);

    /// <summary>Writes one layer of some blocks of a group.</summary>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="layer">The model's index of the layer.</param>
    /// <param name="first">The first block's position in the own lease.</param>
    /// <param name="count">Blocks.</param>
    /// <param name="cancellationToken">Asks for cancellation, which makes the request fail.</param>
    /// <exception cref="NotSupportedException">Layers lie together in memory, so that they cannot be written one by one.</exception>
    /// <inheritdoc cref="WriteBlocksAsync"/>
    public ValueTask WriteLayerBlocksAsync(int group, int layer, int first, int count, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        return Find(group) is { } wanted && HasLayer(wanted, layer) ? WriteAsync(group, layer, Checked(first, count), cancellationToken) : default;
    }

    private const int AllLayers = -1;

    private bool HasLayer(KvAccessGroup wanted, int layer) => wanted.Layers.Length > 0
        ? Array.BinarySearch(wanted.Layers, layer) >= 0
        : throw new NotSupportedException(
            $"Group '{wanted.Name}' of '{_consumer.Local.Name}': bytes of several layers lie together or layers differ in size, so that they are counted, and written, only together. Use WriteAsync or WriteBlocksAsync.");

    private static KvBlockSpan Checked(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, int.MaxValue - first);
        return new KvBlockSpan(first, count);
    }

    private ValueTask WriteAsync(int group, int layer, KvBlockSpan? local, CancellationToken cancellationToken)
    {
        var index = 0;
        while (_plan.Groups[index].Group != group) index++;
        if (Target(_plan.Groups[index].Wanted, group, local) is not { } target) return default;
        return WithSums ? WriteWithSumsAsync(index, layer, target, cancellationToken) : WriteSpanAsync(index, layer, target, cancellationToken);
    }

    // As many blocks at a time as their checksums fit the WRITE's notification.
    private async ValueTask WriteWithSumsAsync(int index, int layer, KvBlockSpan target, CancellationToken cancellationToken)
    {
        var most = MostBlocks(index, layer);
        for (var done = 0; done < target.Count; done += most)
            await WriteSpanAsync(index, layer, new KvBlockSpan(target.First + done, Math.Min(most, target.Count - done)), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteSpanAsync(int index, int layer, KvBlockSpan target, CancellationToken cancellationToken)
    {
        var lease = Enter(_plan.Groups[index].Group);
        var step = NixlActivities.Step(_held.Span, "nixl.kv.write", target.Count, _held.Giver.Name, layer);
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(_held.Stopped, _abort.Token, cancellationToken);
            var push = lease.BeginPush();
            var bytes = 0L;
            _held.Writes();
            try
            {
                bytes = (await Post(index, layer, target, lease, stop.Token).ConfigureAwait(false)).Bytes;
                NixlActivities.End(step, KvOutcome.Completed, bytes);
            }
            finally
            {
                _held.Wrote(bytes);
                push.Quiesced(); // the post's outcome has waited for that
            }
        }
        catch (Exception e)
        {
            NixlActivities.Failed(step, e);
            lock (_sync) _failure ??= e;
            if (_held.Reason is { } reason) throw new KvHandoverException(reason.Outcome, reason.Message, e);
            throw;
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>The consumer's blocks to write: those of the span that are wanted. Null if none.</summary>
    private KvBlockSpan? Target(KvAccessGroup wanted, int group, KvBlockSpan? local)
    {
        if (local is not { } span) return new KvBlockSpan(wanted.First, wanted.Blocks.Length);
        var (here, there) = _consumer.UnitsOf(group, TransferOperation.Write);
        var start = Math.Max((long)span.First * here, (long)wanted.First * there);
        var end = Math.Min(((long)span.First + span.Count) * here, ((long)wanted.First + wanted.Blocks.Length) * there);
        if (start >= end) return null;
        if (start % there != 0 || end % there != 0 || start % here != 0)
            _ = KvBlockSpan.Translate((here, there), span.First, span.Count, wanted.Name); // says what is wrong
        return new KvBlockSpan((int)(start / there), (int)((end - start) / there));
    }

    private ValueTask<TransferResult> Post(int index, int layer, KvBlockSpan target, BlockLease lease, CancellationToken cancellationToken)
    {
        var (wanted, group) = _plan.Groups[index];
        var (here, there) = _consumer.UnitsOf(group, TransferOperation.Write);
        var local = KvBlockSpan.Translate((there, here), target.First, target.Count, wanted.Name);
        var blocks = lease.Blocks.Slice(local.First, local.Count);
        var run = layer == AllLayers
            ? new ArrivalRun(0, Math.Max(1, wanted.Layers.Length), target.First, target.Count, 0, wanted.BytesPerLayer)
            : new ArrivalRun(Array.BinarySearch(wanted.Layers, layer), 1, target.First, target.Count, 0, wanted.BytesPerLayer);
        return _consumer.MoveUntilQuiescedAsync(
            TransferOperation.Write, group, layer, blocks, wanted.Blocks.AsSpan(target.First - wanted.First, target.Count),
            new PostOptions
            {
                Notification = KvMessageCodec.Encode(new KvWroteMessage(_held.Access.Id, index, [run]) { Sums = WithSums ? SumsOf(group, run, blocks) : [] }),
                LeaseToken = wanted.Token,
                Timeout = _connector.Left(_held.Deadline),
            },
            cancellationToken);
    }

    /// <summary>Whether the consumer has asked for checksums.</summary>
    private bool WithSums => _held.Access.HasChecksums;

    /// <summary>Of what the consumer's blocks of a run will be; reads the bytes, on the caller's thread.</summary>
    private ulong[] SumsOf(int group, in ArrivalRun run, ReadOnlySpan<int> blocks)
    {
        var sums = new ulong[checked(run.Layers * run.Blocks)];
        _consumer.SumsOf(TransferOperation.Write, group).Compute(run.Layer, run.Layers, blocks, sums);
        return sums;
    }

    /// <summary>The most of the consumer's blocks in one WRITE with checksums; whole blocks of both sides.</summary>
    private int MostBlocks(int index, int layer)
    {
        var (wanted, group) = _plan.Groups[index];
        var (here, there) = _consumer.UnitsOf(group, TransferOperation.Write);
        var step = here / (int)System.Numerics.BigInteger.GreatestCommonDivisor(here, there);
        var most = MaxSums / (layer == AllLayers ? Math.Max(1, wanted.Layers.Length) : 1);
        return Math.Max(1, most / step) * step;
    }

    // What is beside them, a run and the header, takes less than 128 bytes.
    private const int MaxSums = (NixlAgent.MaxNotificationBytes - 128) / sizeof(ulong);

    private BlockLease Enter(int group)
    {
        lock (_sync)
        {
            if (_held.Reason is { } reason) throw reason;
            if (_closed || _leases is null) throw new InvalidOperationException($"Request '{Name}' {(_closed ? "has ended" : "was not accepted")}.");
            // Under its token nothing is posted again after a failure: the consumer asks anew.
            if (_failure is { } failure) throw new InvalidOperationException($"A WRITE of request '{Name}' has failed, so that it cannot become complete; dispose it.", failure);
            _running++;
            return _leases[group];
        }
    }

    private void Leave()
    {
        lock (_sync)
        {
            if (--_running == 0) _idle?.TrySetResult();
        }
    }
}
