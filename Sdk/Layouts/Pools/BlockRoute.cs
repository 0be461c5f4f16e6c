using System.Buffers;
using System.Runtime.CompilerServices;

namespace Nixl.Sdk;

/// <summary>
/// Moves blocks of one group in one direction between a local pool and a peer's. Where blocks of the two sides have different sizes, ids
/// are turned into ids of units, the runs of tokens that both are made of.
/// </summary>
/// <remarks>Thread-safe. Owns its transfers and the lists that it was given to keep.</remarks>
internal sealed class BlockRoute : IDisposable
{
    private const int OnStack = 512;

    private readonly RemoteKvPool _remote;
    private readonly string _group;
    private readonly TransferOperation _operation;
    private readonly PreparedList[] _owned;
    private readonly int _localUnits;
    private readonly int _remoteUnits;
    private readonly long _localBlocks;
    private readonly long _remoteBlocks;

    /// <param name="remote">The peer's pool.</param>
    /// <param name="group">The group's name.</param>
    /// <param name="operation">The direction.</param>
    /// <param name="local">The local list; null if nothing goes this way.</param>
    /// <param name="there">The peer's list; null if nothing goes this way.</param>
    /// <param name="localSize">Blocks of the local side, and units of each.</param>
    /// <param name="remoteSize">Blocks of the peer's side, and units of each.</param>
    /// <param name="owned">Lists that are disposed with the route.</param>
    public BlockRoute(
        RemoteKvPool remote, string group, TransferOperation operation, PreparedList? local, PreparedList? there,
        (long Blocks, int Units) localSize, (long Blocks, int Units) remoteSize, PreparedList[] owned)
    {
        _remote = remote;
        _group = group;
        _operation = operation;
        _owned = owned;
        (_localBlocks, _localUnits) = localSize;
        (_remoteBlocks, _remoteUnits) = remoteSize;
        if (local is not null && there is not null)
            Transfers = new TransferPool(remote.Local.Agent, operation, local, there);
    }

    /// <summary>The transfers behind it; null if nothing goes this way.</summary>
    public TransferPool? Transfers { get; }

    /// <summary>Units of a local block and of a remote one: so many of each hold the same tokens.</summary>
    public (int Local, int Remote) Units => (_localUnits, _remoteUnits);

    public ValueTask<TransferResult> PostAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, CancellationToken cancellationToken) =>
        PostAsync(localBlocks, remoteBlocks, options, untilQuiesced: false, cancellationToken);

    /// <param name="localBlocks">Local ids.</param>
    /// <param name="remoteBlocks">The peer's ids.</param>
    /// <param name="options">Notification, deadline, lease.</param>
    /// <param name="untilQuiesced">Gives a failure, too, only when the transport cannot touch the blocks any more.</param>
    /// <param name="cancellationToken">Asks for cancellation.</param>
    public ValueTask<TransferResult> PostAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, bool untilQuiesced, CancellationToken cancellationToken)
    {
        if (Transfers is null) return NotifyOnlyAsync(localBlocks, remoteBlocks, options, cancellationToken);
        if (_localUnits == 1 && _remoteUnits == 1) return Transfers.PostAsync(localBlocks, remoteBlocks, options, untilQuiesced, cancellationToken);

        var units = UnitsOf(localBlocks, remoteBlocks);
        if (units <= OnStack)
        {
            Span<int> ids = stackalloc int[2 * OnStack];
            return PostUnits(localBlocks, remoteBlocks, ids[..units], ids.Slice(OnStack, units), options, untilQuiesced, cancellationToken);
        }
        var rented = ArrayPool<int>.Shared.Rent(2 * units);
        try
        {
            // The core copies the ids before the post returns.
            return PostUnits(localBlocks, remoteBlocks, rented.AsSpan(0, units), rented.AsSpan(units, units), options, untilQuiesced, cancellationToken);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    public void Dispose()
    {
        Transfers?.Dispose();
        foreach (var list in _owned) list.Dispose();
    }

    private ValueTask<TransferResult> PostUnits(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, Span<int> localIds, Span<int> remoteIds, in PostOptions options, bool untilQuiesced,
        CancellationToken cancellationToken)
    {
        Expand(localBlocks, _localUnits, localIds);
        Expand(remoteBlocks, _remoteUnits, remoteIds);
        try
        {
            return Transfers!.PostAsync(localIds, remoteIds, options, untilQuiesced, cancellationToken);
        }
        catch (NixlInvalidArgumentException) when (FindTwice(_operation == TransferOperation.Write ? remoteBlocks : localBlocks) is { } twice)
        {
            // The core has found it among the units; the caller knows blocks.
            throw Refused($"block {twice} is a destination twice; which bytes stay would be chance");
        }
    }

    private static int? FindTwice(ReadOnlySpan<int> blocks)
    {
        var seen = new HashSet<int>();
        foreach (var block in blocks)
            if (!seen.Add(block)) return block;
        return null;
    }

    private static void Expand(ReadOnlySpan<int> blocks, int unitsPerBlock, Span<int> ids)
    {
        for (var i = 0; i < ids.Length; i++)
            ids[i] = (blocks[i / unitsPerBlock] * unitsPerBlock) + (i % unitsPerBlock);
    }

    // The last block of either side may be filled, or used, in part; but each listed block holds something of the other side's.
    private int UnitsOf(ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks)
    {
        var (local, remote) = ((long)localBlocks.Length * _localUnits, (long)remoteBlocks.Length * _remoteUnits);
        var units = Math.Min(local, remote);
        if (units == 0 || local - units >= _localUnits || remote - units >= _remoteUnits)
        {
            var meant = Math.Max(_localUnits <= _remoteUnits ? local : remote, 1);
            throw Refused($"{localBlocks.Length} local blocks of {_localUnits} units and {remoteBlocks.Length} remote blocks of {_remoteUnits} do not hold the same tokens; {DivideUp(meant, _localUnits)} and {DivideUp(meant, _remoteUnits)} do");
        }
        if (units > Array.MaxLength / 2) throw Refused($"{units} units are more than one post can move; at most {Array.MaxLength / 2} can");
        Check(localBlocks, _localBlocks, "local");
        Check(remoteBlocks, _remoteBlocks, "remote");
        return (int)units;
    }

    private void Check(ReadOnlySpan<int> ids, long blocks, string side)
    {
        for (var i = 0; i < ids.Length; i++)
            if ((uint)ids[i] >= (ulong)blocks) throw Refused($"{side} block {ids[i]} at position {i} is out of range; there are {blocks}");
    }

    private ValueTask<TransferResult> NotifyOnlyAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, CancellationToken cancellationToken)
    {
        if (!options.Notify)
        {
            var (source, target) = _operation == TransferOperation.Write ? (_remote.Local.Parallel, _remote.Parallel) : (_remote.Parallel, _remote.Local.Parallel);
            throw new InvalidOperationException(
                $"Group '{_group}': TP rank {source.TpRank} of {source.Tp}, PP rank {source.PpRank} of {source.Pp}, has nothing to give to TP rank {target.TpRank} of {target.Tp}, PP rank {target.PpRank} of {target.Pp}: " +
                "another rank holds the same, or none of it is needed there. Post with a notification to tell the peer, or skip this pair; see Route.");
        }
        Check(localBlocks, _localBlocks, "local");
        Check(remoteBlocks, _remoteBlocks, "remote");
        return Complete(_remote.Local.Agent.NotifyAsync(_remote.Remote, options, cancellationToken), _remote.Remote.Transport);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        static async ValueTask<TransferResult> Complete(ValueTask notification, NixlTransports transport)
        {
            await notification.ConfigureAwait(false);
            return new TransferResult(0, 0, default, default, default, transport);
        }
    }

    private NixlInvalidArgumentException Refused(string what) => new(
        NixlStatus.InvalidParameter, $"{_operation} of group '{_group}' with '{_remote.Remote.Name}': INVALID_PARAM: {what}.") { Peer = _remote.Remote.Name };

    private static long DivideUp(long units, int by) => (units + by - 1) / by;
}
