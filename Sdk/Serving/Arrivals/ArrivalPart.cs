using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Serving;

/// <summary>What one source rank has to give of every block of a group. Immutable.</summary>
/// <param name="Source">The rank.</param>
/// <param name="Layers">The model's indices of the layers that it gives, ascending; empty if its bytes cannot be told apart by layer: then
/// they are counted as one layer, with ordinal 0.</param>
/// <param name="BytesPerLayer">Bytes that it gives of one layer of one block.</param>
public sealed record ArrivalPart(KvParallel Source, KvList<int> Layers, long BytesPerLayer)
{
    /// <summary>Layers that are counted: at least 1.</summary>
    public int LayerCount => Math.Max(1, Layers.Count);

    /// <summary>Bytes that it gives of one block.</summary>
    public long BytesPerBlock => checked(BytesPerLayer * LayerCount);

    /// <summary>The declaration of whole blocks, all layers.</summary>
    /// <param name="block">The first block's position in the lease.</param>
    /// <param name="blocks">Blocks.</param>
    public ArrivalRun Whole(int block, int blocks) => Whole(0, LayerCount, block, blocks);

    /// <summary>The declaration of some layers of whole blocks.</summary>
    /// <param name="layer">The first layer's ordinal in <see cref="Layers"/>.</param>
    /// <param name="layers">Layers.</param>
    /// <param name="block">The first block's position in the lease.</param>
    /// <param name="blocks">Blocks.</param>
    public ArrivalRun Whole(int layer, int layers, int block, int blocks) => new(layer, layers, block, blocks, 0, BytesPerLayer);

    /// <summary>A rank with the same placement gives whole blocks; null if it holds none of the group.</summary>
    internal static ArrivalPart? OfWholeBlocks(KvParallel source, KvGroupPlan group, int ratio)
    {
        var bytes = new SortedDictionary<int, long>();
        foreach (var region in group.Regions)
            Add(bytes, region.Layer < 0 ? -1 : group.Layers[region.Layer], checked(region.Length * ratio));
        return Make(source, bytes);
    }

    /// <summary>What comes over a route; null if nothing does.</summary>
    internal static ArrivalPart? OfRoute(KvParallel source, ReshardGroup given, int targetRatio)
    {
        var bytes = new SortedDictionary<int, long>();
        foreach (var piece in given.Pieces)
            Add(bytes, piece.Layer, checked(piece.Length * given.Units.TargetPerBlock * targetRatio));
        return Make(source, bytes);
    }

    private static void Add(SortedDictionary<int, long> bytes, int layer, long length) =>
        bytes[layer] = checked(bytes.GetValueOrDefault(layer) + length);

    // Runs of layers need layers of one size; where pieces span layers (-1) or sizes differ, all bytes are one layer.
    private static ArrivalPart? Make(KvParallel source, SortedDictionary<int, long> bytes)
    {
        if (bytes.Count == 0)
            return null;
        var first = bytes.First();
        return first.Key >= 0 && bytes.Values.All(length => length == first.Value)
            ? new ArrivalPart(source, new KvList<int>([.. bytes.Keys]), first.Value)
            : new ArrivalPart(source, KvList<int>.Empty, bytes.Values.Sum());
    }
}
