using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Metadata;

/// <summary>The body of a pool section. Groups and tensor entries carry their own length, so that fields can be appended.</summary>
internal static class PoolCodec
{
    public static void Write(MetadataWriter writer, PoolAdvertisement pool)
    {
        var body = MetadataCodec.OpenSection(writer, MetadataFormat.SectionPool, 0);
        writer.Name(pool.Name, "Pool name");
        writer.Text(pool.Model.Name, "Model name", MetadataFormat.MaxText);
        writer.Text(pool.Model.Revision, "Model revision", MetadataFormat.MaxText);
        writer.Text(pool.Model.RopeScaling, "Model rope scaling", MetadataFormat.MaxText);
        CheckParallel(pool);
        writer.U32((uint)pool.Tp);
        writer.U32((uint)pool.TpRank);
        writer.U32((uint)pool.Pp);
        writer.U32((uint)pool.PpRank);
        Hash(writer, pool.ContentHash, pool.Name);
        Hash(writer, pool.PlacementHash, pool.Name);
        writer.LongText(pool.CanonicalText, "Canonical text", MetadataFormat.MaxCanonicalText);
        if (pool.Groups.Count is 0 or > MetadataFormat.MaxGroups)
            throw new ArgumentException($"Pool '{pool.Name}' has {pool.Groups.Count} groups; 1 to {MetadataFormat.MaxGroups} are allowed.");
        writer.U16((ushort)pool.Groups.Count);
        foreach (var group in pool.Groups) WriteGroup(writer, pool, group);
        writer.CloseLength(body);
    }

    public static PoolAdvertisement Read(ref MetadataReader body)
    {
        var name = body.Name("pool name");
        var model = new ModelIdentity(
            body.Text("model name", MetadataFormat.MaxText),
            body.Text("model revision", MetadataFormat.MaxText),
            body.Text("model rope scaling", MetadataFormat.MaxText));
        var (tp, tpRank) = ReadRanks(ref body, "tp");
        var (pp, ppRank) = ReadRanks(ref body, "pp");
        var content = body.Take(MetadataFormat.HashBytes, "content hash").ToArray();
        var placement = body.Take(MetadataFormat.HashBytes, "placement hash").ToArray();
        var text = body.LongText("canonical text", MetadataFormat.MaxCanonicalText);
        var start = body.Offset;
        var count = (int)MetadataReader.Bounded(body.U16("group count"), 1, MetadataFormat.MaxGroups, "group count", start);
        var groups = new List<PoolGroupAdvertisement>(); // grows with what is really there, not with what the count claims
        for (var i = 0; i < count; i++) groups.Add(ReadGroup(ref body));
        return new PoolAdvertisement
        {
            Name = name,
            Model = model,
            Tp = tp,
            TpRank = tpRank,
            Pp = pp,
            PpRank = ppRank,
            ContentHash = content,
            PlacementHash = placement,
            CanonicalText = text,
            Groups = groups,
        };
    }

    private static void WriteGroup(MetadataWriter writer, PoolAdvertisement pool, PoolGroupAdvertisement group)
    {
        if (group.Blocks < 1 || group.PhysicalBlocksPerBlock < 1)
            throw new ArgumentException($"Group '{group.Name}' of pool '{pool.Name}' has {group.Blocks} blocks of {group.PhysicalBlocksPerBlock} physical ones.");
        var record = writer.OpenLength();
        writer.Text(group.Name, "Group name", MetadataFormat.MaxText);
        writer.I64(group.Blocks);
        writer.U32((uint)group.PhysicalBlocksPerBlock);
        writer.U16(MetadataFormat.TensorEntryBytes);
        writer.U32((uint)group.Tensors.Count);
        foreach (var tensor in group.Tensors)
        {
            if (!IsRange(tensor)) throw new ArgumentException($"A tensor of pool '{pool.Name}' is not a range of memory: {tensor}.");
            writer.U64(tensor.Address);
            writer.U64(tensor.Length);
            writer.U64(tensor.PageStride);
            writer.U64(tensor.Device);
            writer.U32((uint)tensor.Kind);
            writer.U32(0);
        }
        if (group.ComponentHashes.Count > MetadataFormat.MaxComponents)
            throw new ArgumentException($"Group '{group.Name}' of pool '{pool.Name}' has {group.ComponentHashes.Count} components; {MetadataFormat.MaxComponents} are allowed.");
        writer.U16((ushort)group.ComponentHashes.Count);
        foreach (var hash in group.ComponentHashes) writer.Bytes(hash.ToByteArray());
        writer.CloseLength(record);
    }

    private static PoolGroupAdvertisement ReadGroup(ref MetadataReader pool)
    {
        var record = pool.Sub(pool.U32("group length"), "group length");
        var name = record.Text("group name", MetadataFormat.MaxText);
        var start = record.Offset;
        var blocks = (long)MetadataReader.Bounded(record.U64("group blocks"), 1, long.MaxValue, "group blocks", start);
        start = record.Offset;
        var ratio = (int)MetadataReader.Bounded(record.U32("group block ratio"), 1, int.MaxValue, "group block ratio", start);
        start = record.Offset;
        int entryBytes = record.U16("tensor entry size");
        if (entryBytes < MetadataFormat.TensorEntryBytes)
            throw MetadataReader.Fail("tensor entry size", start, $"{entryBytes} bytes are fewer than the {MetadataFormat.TensorEntryBytes} of version 1");
        start = record.Offset;
        var count = record.U32("tensor count");
        if ((ulong)count * (ulong)entryBytes > (ulong)record.Remaining)
            throw MetadataReader.Fail("tensor count", start, $"{count} tensors of {entryBytes} bytes do not fit into the {record.Remaining} bytes left");
        var tensors = new PoolTensorAdvertisement[count]; // at most record.Remaining / 40 entries of 40 bytes
        for (var i = 0; i < tensors.Length; i++)
        {
            var entry = record.Sub((uint)entryBytes, "tensor");
            start = entry.Offset;
            var tensor = new PoolTensorAdvertisement(
                entry.U64("tensor address"), entry.U64("tensor length"), entry.U64("tensor page stride"), entry.U64("tensor device"),
                (MemoryKind)entry.U32("tensor memory kind"));
            if (!IsRange(tensor)) throw MetadataReader.Fail("tensor", start, $"tensor {i} of group '{name}' is not a range of memory: {tensor}");
            tensors[i] = tensor;
        }
        return new PoolGroupAdvertisement { Name = name, Blocks = blocks, PhysicalBlocksPerBlock = ratio, Tensors = tensors, ComponentHashes = ReadHashes(ref record) };
    }

    // Added after the first release: what ends here has none.
    private static LayoutHash[] ReadHashes(ref MetadataReader group)
    {
        if (group.Remaining == 0) return [];
        var start = group.Offset;
        var count = (int)MetadataReader.Bounded(group.U16("component count"), 0, MetadataFormat.MaxComponents, "component count", start);
        if (count * MetadataFormat.HashBytes > group.Remaining)
            throw MetadataReader.Fail("component count", start, $"{count} hashes do not fit into the {group.Remaining} bytes left");
        var hashes = new LayoutHash[count];
        for (var i = 0; i < count; i++) hashes[i] = LayoutHash.From(group.Take(MetadataFormat.HashBytes, "component hash").ToArray());
        return hashes;
    }

    private static (int Ranks, int Rank) ReadRanks(ref MetadataReader body, string field)
    {
        var start = body.Offset;
        var ranks = body.U32(field);
        var rank = body.U32(field);
        return ranks is >= 1 and <= 65_536 && rank < ranks
            ? ((int)ranks, (int)rank)
            : throw MetadataReader.Fail(field, start, $"rank {rank} of {ranks} is impossible");
    }

    private static bool IsRange(in PoolTensorAdvertisement tensor) =>
        tensor.Length > 0 && tensor.Length <= long.MaxValue && tensor.Address <= ulong.MaxValue - tensor.Length &&
        tensor.PageStride <= tensor.Length && tensor.Kind is >= MemoryKind.Dram and <= MemoryKind.File;

    private static void CheckParallel(PoolAdvertisement pool)
    {
        if (pool.Tp is < 1 or > 65_536 || pool.TpRank < 0 || pool.TpRank >= pool.Tp || pool.Pp is < 1 or > 65_536 || pool.PpRank < 0 || pool.PpRank >= pool.Pp)
            throw new ArgumentException($"Pool '{pool.Name}': TP rank {pool.TpRank} of {pool.Tp}, PP rank {pool.PpRank} of {pool.Pp} is impossible.");
    }

    private static void Hash(MetadataWriter writer, ReadOnlyMemory<byte> hash, string pool)
    {
        if (hash.Length != MetadataFormat.HashBytes)
            throw new ArgumentException($"A hash of pool '{pool}' has {hash.Length} bytes instead of {MetadataFormat.HashBytes}.");
        writer.Bytes(hash.Span);
    }
}
