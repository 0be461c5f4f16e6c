using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>
/// What one rank reads: for each of its tensors the pieces there and here, in two lists of the same order. Rows that lie together on both sides
/// are one piece; a part of every row (row-parallel) is a piece each, said as one strided region.
/// </summary>
/// <param name="Here">Regions of the rank's own memory.</param>
/// <param name="There">As many regions of the peer's memory.</param>
/// <param name="Tensors">The tensors with the ids of their pieces, in the lists' flat numbering.</param>
/// <param name="Bytes">Bytes of all.</param>
internal sealed record ShardPlan(StridedRegion[] Here, StridedRegion[] There, IReadOnlyList<TensorRead> Tensors, long Bytes)
{
    /// <summary>Checks a peer's index against a rank's model, and plans.</summary>
    /// <exception cref="WeightsException">The peer has another model, element type or shape, or not all tensors; all differences are named.</exception>
    internal static ShardPlan Create(LlamaModel shard, WeightIndex index)
    {
        var problems = ConfigComparison.Differences(shard.Config, index.Config).ToList();
        if (problems.Count > 0) throw new WeightsException($"The peer serves another model ('{index.Model}'): {string.Join("; ", problems)}.");
        var entries = new Dictionary<string, WeightEntry>(StringComparer.Ordinal);
        foreach (var entry in index.Tensors)
            if (!entries.TryAdd(entry.Name, entry)) problems.Add($"{entry.Name} is there twice");
        foreach (var tensor in shard.Tensors)
            if (!entries.TryGetValue(tensor.Name, out var entry)) problems.Add($"{tensor.Name} is missing");
            else if (Problem(tensor, entry, WeightChecksum.Parts(tensor.Cut, shard.Config)) is { } problem) problems.Add($"{tensor.Name} {problem}");
        foreach (var name in entries.Keys.Except(shard.Tensors.Select(tensor => tensor.Name), StringComparer.Ordinal)) problems.Add($"{name} is not known here");
        if (problems.Count > 0)
            throw new WeightsException($"The peer's weights of '{index.Model}' do not fit: {string.Join("; ", problems.Take(8))}{(problems.Count > 8 ? $"; and {problems.Count - 8} more" : "")}.");

        List<StridedRegion> here = [], there = [];
        List<TensorRead> reads = [];
        var (next, bytes) = (0, 0L);
        foreach (var tensor in shard.Tensors)
        {
            var entry = entries[tensor.Name];
            var start = entry.Address + (ulong)((tensor.FirstRow * entry.RowStride) + ((long)tensor.FirstColumn * sizeof(float)));
            var together = tensor.RowStride == tensor.RowBytes && entry.RowStride == tensor.RowBytes;
            var (length, pieces) = together ? (tensor.RowBytes * tensor.RowCount, 1) : (tensor.RowBytes, tensor.RowCount);
            here.Add(new StridedRegion((ulong)tensor.Address, (ulong)(together ? length : tensor.RowStride), (ulong)length, (ulong)pieces));
            there.Add(new StridedRegion(start, (ulong)(together ? length : entry.RowStride), (ulong)length, (ulong)pieces));
            reads.Add(new TensorRead(tensor, entry, next, pieces));
            (next, bytes) = (checked(next + pieces), bytes + (tensor.RowBytes * tensor.RowCount));
        }
        return new ShardPlan([.. here], [.. there], reads, bytes);
    }

    private static string? Problem(WeightTensor tensor, WeightEntry entry, int parts)
    {
        if (entry.ElementType != WeightIndex.ElementType) return $"is {entry.ElementType} there and {WeightIndex.ElementType} here";
        if (entry.Shape is not [var rows, var columns] || (rows, columns) != (tensor.Rows, tensor.Columns))
            return $"is [{string.Join(", ", entry.Shape)}] there and [{tensor.Rows}, {tensor.Columns}] here";
        if (entry.Cut != tensor.Cut || entry.Checksums.Count != parts) return "is cut in another way there";
        return entry.RowStride < (long)tensor.Columns * sizeof(float) || entry.RowStride > int.MaxValue ? $"has rows {entry.RowStride} bytes apart there" : null;
    }
}

/// <summary>The read of one tensor: pieces [First, +Pieces) of both lists.</summary>
internal sealed record TensorRead(WeightTensor Tensor, WeightEntry Entry, int First, int Pieces)
{
    /// <summary>Bytes that are read.</summary>
    internal long Bytes => Tensor.RowBytes * Tensor.RowCount;

    /// <exception cref="WeightsException">What has come is not what the peer took the checksum of.</exception>
    internal void Verify(LlamaConfig config, int rank, int ranks, string peer)
    {
        var parts = WeightChecksum.Parts(Tensor.Cut, config);
        var (first, count) = Tensor.Cut == WeightCut.None ? (0, 1) : WeightTensor.Part(parts, rank, ranks);
        for (var part = first; part < first + count; part++)
            if (WeightChecksum.Of(Tensor, part, parts) is var found && found != Entry.Checksums[part])
                throw new WeightsException(
                    $"Tensor {Tensor.Name} from '{peer}' is damaged: part {part + 1} of {parts} has the checksum {found}; the peer took {Entry.Checksums[part]}. Its memory has changed or a transfer went wrong; restart the peer from disk.");
    }
}
