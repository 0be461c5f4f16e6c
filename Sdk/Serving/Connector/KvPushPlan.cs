namespace Nixl.Sdk.Serving;

/// <summary>What a consumer wants written, found to agree with what this rank gives it.</summary>
/// <param name="Groups">In the order of the message: the message's blocks, and the layout's index of the group.</param>
internal sealed record KvPushPlan(IReadOnlyList<(KvAccessGroup Wanted, int Group)> Groups)
{
    /// <summary>Null if the request cannot be served; then why. Nothing of it is believed without a check.</summary>
    public static KvPushPlan? Make(RemoteKvPool consumer, KvAccessMessage access, out string? problem)
    {
        var groups = new List<(KvAccessGroup, int)>();
        foreach (var wanted in access.Groups)
        {
            var group = Array.FindIndex(consumer.Local.Groups, candidate => candidate.Plan.Schema.Name == wanted.Name);
            problem = group < 0 ? $"there is no group '{wanted.Name}'"
                : groups.Exists(known => known.Item2 == group) ? $"group '{wanted.Name}' comes twice"
                : Check(consumer, wanted, group);
            if (problem is not null) return null;
            groups.Add((wanted, group));
        }
        problem = null;
        return new KvPushPlan(groups);
    }

    private static string? Check(RemoteKvPool consumer, KvAccessGroup wanted, int group)
    {
        if (consumer.PartGiven(group) is not { } part) return $"this rank has nothing to give of group '{wanted.Name}'";
        if (!part.Layers.AsSpan().SequenceEqual(wanted.Layers) || part.BytesPerLayer != wanted.BytesPerLayer)
            return $"group '{wanted.Name}': {wanted.Layers.Length} layers of {wanted.BytesPerLayer} bytes are wanted, and this rank gives {part.Layers.Count} of {part.BytesPerLayer}; the sides plan differently";
        if (wanted.Blocks.Length == 0 || (long)wanted.First + wanted.Blocks.Length > int.MaxValue) return $"group '{wanted.Name}': {wanted.Blocks.Length} blocks from {wanted.First} on are no blocks of a prompt";
        var blocks = consumer.BlocksOf(group);
        var bad = Array.FindIndex(wanted.Blocks, id => id >= blocks);
        if (bad >= 0) return $"group '{wanted.Name}': block {wanted.Blocks[bad]} does not exist; there are {blocks}";
        return wanted.Blocks.Distinct().Count() == wanted.Blocks.Length ? null : $"group '{wanted.Name}': a block is a destination twice";
    }
}
