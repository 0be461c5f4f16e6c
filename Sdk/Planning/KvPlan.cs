namespace Nixl.Sdk.Planning;

/// <summary>
/// Where everything lies on one rank: per group the tensors, the components and the strided regions of a block. Worked out once
/// at start by the same code that the generator runs. Immutable, thread-safe.
/// </summary>
/// <param name="Schema">The layout.</param>
/// <param name="Parallel">The rank.</param>
/// <param name="Groups">One plan per group, in the layout's order.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvPlan(KvSchema Schema, KvParallel Parallel, KvList<KvGroupPlan> Groups)
{
    /// <summary>The bytes of all tensors of all groups; tensors that several groups share count once.</summary>
    public long TotalBytes
    {
        get
        {
            var total = 0L;
            for (var i = 0; i < Groups.Count; i++)
            {
                foreach (var tensor in Groups[i].Tensors)
                {
                    if (SharedPages.FirstOwner(Groups, i, tensor.Index) < 0)
                        total = checked(total + tensor.Bytes);
                }
            }
            return total;
        }
    }

    /// <summary>Plans a layout with the same number of blocks in every group.</summary>
    /// <param name="schema">The layout.</param>
    /// <param name="parallel">The rank.</param>
    /// <param name="blocks">The number of blocks, at least 1.</param>
    /// <exception cref="LayoutException">The layout cannot be planned; the exception lists why.</exception>
    /// <exception cref="OverflowException">That many blocks are more bytes than 64 bits can count.</exception>
    public static KvPlan Create(KvSchema schema, KvParallel parallel, long blocks)
    {
        Require(schema, nameof(schema));
        var perGroup = new long[schema.Groups.Count];
        for (var i = 0; i < perGroup.Length; i++)
            perGroup[i] = blocks;
        return Create(schema, parallel, new KvList<long>(perGroup));
    }

    /// <summary>Plans a layout with a number of blocks for each group.</summary>
    /// <param name="schema">The layout.</param>
    /// <param name="parallel">The rank.</param>
    /// <param name="blocks">The number of blocks of each group, at least 1.</param>
    /// <exception cref="LayoutException">The layout cannot be planned; the exception lists why.</exception>
    /// <exception cref="OverflowException">That many blocks are more bytes than 64 bits can count.</exception>
    public static KvPlan Create(KvSchema schema, KvParallel parallel, KvList<long> blocks)
    {
        Require(schema, nameof(schema));
        Require(parallel, nameof(parallel));
        Require(blocks, nameof(blocks));
        if (parallel.Tp < 1 || parallel.Pp < 1 || parallel.TpRank < 0 || parallel.TpRank >= parallel.Tp ||
            parallel.PpRank < 0 || parallel.PpRank >= parallel.Pp)
        {
            throw new ArgumentOutOfRangeException(nameof(parallel), parallel, "Sizes are at least 1 and ranks lie in 0 … size - 1.");
        }
        if (blocks.Count != schema.Groups.Count)
            throw new ArgumentException("There must be one number of blocks for each group.", nameof(blocks));
        foreach (var count in blocks)
        {
            if (count < 1)
                throw new ArgumentOutOfRangeException(nameof(blocks), count, "A pool has at least one block.");
        }
        for (var i = 1; i < blocks.Count; i++)
        {
            for (var other = 0; other < i; other++)
            {
                if (blocks[i] != blocks[other] && SharedPages.ShareTensors(schema.Groups[i], schema.Groups[other]))
                {
                    throw new ArgumentException(FormattableString.Invariant(
                        $"Groups {schema.Groups[other].Name} and {schema.Groups[i].Name} share the blocks of pool {schema.Groups[i].Pool}, but {blocks[other]} and {blocks[i]} are given."), nameof(blocks));
                }
            }
        }
        return KvPlanner.Plan(schema, parallel, blocks);
    }

    private static void Require(object? value, string name)
    {
        if (value is null)
            throw new ArgumentNullException(name);
    }
}
