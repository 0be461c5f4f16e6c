using Nixl.Sdk.Planning;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk;

// Checksums of what is moved, made from the local side of each route. Most pools never need them.
public abstract partial class RemoteKvPool
{
    private readonly Dictionary<(TransferOperation Operation, int Group), BlockSums> _sums = []; // guarded by _layersSync

    /// <summary>What makes the checksums of a group's blocks as they are in the local pool: the source of a WRITE, the target of a READ.</summary>
    /// <exception cref="InvalidOperationException">Nothing of the group goes this way.</exception>
    internal BlockSums SumsOf(TransferOperation operation, int group)
    {
        lock (_layersSync)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (_sums.TryGetValue((operation, group), out var known)) return known;
            var made = MakeSums(operation, group);
            _sums.Add((operation, group), made);
            return made;
        }
    }

    private BlockSums MakeSums(TransferOperation operation, int group)
    {
        var isSource = operation == TransferOperation.Write;
        var (here, route) = (Local.Groups[group], isSource ? _agreement.Write : _agreement.Read);
        var part = (isSource ? PartGiven(group) : PartTaken(group))
                   ?? throw new InvalidOperationException($"Nothing of group '{here.Plan.Schema.Name}' goes between '{Local.Agent.Name}' and '{Remote.Name}', so it has no checksums.");
        var (local, remote) = UnitsOf(group, operation);
        StridedRegion[][] layers = part.Layers.Count == 0 ? [PiecesOf(-1)] : [.. part.Layers.Select(PiecesOf)];
        return new BlockSums(Local, group, layers, local, isSource ? remote : local);

        StridedRegion[] PiecesOf(int layer)
        {
            if (route is null) return layer < 0 ? here.Regions : here.RegionsOfLayer(layer);
            var all = Find(route, here);
            return here.RegionsOf(layer < 0 ? all : all with { Pieces = new KvList<ReshardPiece>([.. all.Pieces.Where(piece => piece.Layer == layer)]) }, isSource);
        }
    }

    /// <summary>What the peer's rank gives this one of each block of a group; null if nothing.</summary>
    internal ArrivalPart? PartTaken(int group)
    {
        var here = Local.Groups[group];
        if (_agreement.Read is null) return ArrivalPart.OfWholeBlocks(Parallel, here.Plan, here.PhysicalBlocksPerBlock);
        return ArrivalPart.OfRoute(Parallel, Find(_agreement.Read, here), here.PhysicalBlocksPerBlock);
    }
}
