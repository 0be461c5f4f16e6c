using Nixl.Sdk.Planning;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk;

// What the serving layer needs: single layers, and a failure's outcome only when the blocks can be used again.
public abstract partial class RemoteKvPool
{
    private readonly Lock _layersSync = new();
    private readonly Dictionary<(TransferOperation Operation, int Group, int Layer), BlockRoute> _layers = [];

    /// <summary>What this rank gives the peer's of each block of a group; null if nothing.</summary>
    internal ArrivalPart? PartGiven(int group)
    {
        var (here, there) = (Local.Groups[group], _agreement.Groups[group]);
        if (_agreement.Write is null) return ArrivalPart.OfWholeBlocks(Local.Parallel, here.Plan, here.PhysicalBlocksPerBlock);
        return ArrivalPart.OfRoute(Local.Parallel, Find(_agreement.Write, here), there.PhysicalBlocksPerBlock);
    }

    /// <summary>So many units make a local block and a block of the peer's.</summary>
    internal (int Local, int Remote) UnitsOf(int group, TransferOperation operation) =>
        Of(operation == TransferOperation.Write ? _writes : _reads, group).Units;

    /// <summary>Moves blocks; its outcome, a failure too, comes only when the transport cannot touch them any more.</summary>
    /// <param name="operation">The direction.</param>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="layer">The model's index of a layer to move alone; -1 for whole blocks.</param>
    /// <param name="localBlocks">Local ids.</param>
    /// <param name="remoteBlocks">The peer's ids.</param>
    /// <param name="options">Notification, deadline and lease.</param>
    /// <param name="cancellationToken">Asks for cancellation.</param>
    internal ValueTask<TransferResult> MoveUntilQuiescedAsync(
        TransferOperation operation, int group, int layer, ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options,
        CancellationToken cancellationToken)
    {
        var route = Of(operation == TransferOperation.Write ? _writes : _reads, group);
        if (layer >= 0) route = LayerRoute(operation, group, layer);
        return route.PostAsync(localBlocks, remoteBlocks, options, untilQuiesced: true, cancellationToken);
    }

    private BlockRoute LayerRoute(TransferOperation operation, int group, int layer)
    {
        lock (_layersSync)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_layers.TryGetValue((operation, group, layer), out var known)) return known;
            var made = MakeLayerRoute(operation, group, layer);
            _layers.Add((operation, group, layer), made);
            return made;
        }
    }

    private IEnumerable<BlockRoute> LayerRoutes()
    {
        lock (_layersSync) return [.. _layers.Values];
    }

    private BlockRoute MakeLayerRoute(TransferOperation operation, int group, int layer)
    {
        var (here, there) = (Local.Groups[group], _agreement.Groups[group]);
        if ((operation == TransferOperation.Write ? _agreement.Write : _agreement.Read) is { } planned)
        {
            var route = Find(planned, here);
            return MakeRoute(operation, route with { Pieces = new KvList<ReshardPiece>([.. route.Pieces.Where(piece => piece.Layer == layer)]) }, here, there);
        }
        var local = Local.Agent.PrepareLocal(here.RegionsOfLayer(layer), ListMode.Block);
        try
        {
            var remote = Local.Agent.PrepareRemote(Remote, there.RegionsOfLayer(layer), ListMode.Block);
            return new BlockRoute(this, here.Plan.Schema.Name, operation, local, remote, (here.Blocks, 1), (there.Blocks, 1), [local, remote]);
        }
        catch
        {
            local.Dispose();
            throw;
        }
    }
}
