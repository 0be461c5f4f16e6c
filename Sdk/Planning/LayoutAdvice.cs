namespace Nixl.Sdk.Planning;

/// <summary>
/// What is slow about a valid layout, and what would be faster: pieces that share cache lines, that are too small, or that become so between
/// two tensor-parallel sizes. Pure
/// functions of the schema; the analyzer shows what they return, a program may log it.
/// </summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class LayoutAdvice
{
    /// <summary>Pieces should begin at multiples of this many bytes: a cache line, and what RDMA adapters read at once.</summary>
    public const int Alignment = 64;

    /// <summary>What one token or head holds should be a multiple of this many bytes: what one vector load or store moves.</summary>
    public const int RowAlignment = 16;

    /// <summary>Below this many bytes a piece costs more by being one operation than by its bytes.</summary>
    public const int GoodPieceBytes = 16 * 1024;

    /// <summary>The warnings and hints for a layout, group by group; empty if there are none or the layout is not valid.</summary>
    /// <param name="schema">The layout. Looked at for the whole model and for each of its <see cref="KvSchema.TpSizes"/>.</param>
    public static KvList<LayoutProblem> Of(KvSchema schema)
    {
        if (schema is null)
            throw new ArgumentNullException(nameof(schema));
        foreach (var problem in LayoutValidator.Check(schema))
        {
            if (!problem.IsWarning)
                return KvList<LayoutProblem>.Empty;
        }
        var advice = new List<LayoutProblem>();
        for (var i = 0; i < schema.Groups.Count; i++)
        {
            if (AlignmentAdvice.Of(schema, i) is { } alignment)
                advice.Add(alignment);
            if (PieceSizeAdvice.Of(schema, i) is { } size)
                advice.Add(size);
            if (TensorParallelAdvice.Of(schema, i) is { } pieces)
                advice.Add(pieces);
        }
        return new KvList<LayoutProblem>(advice.ToArray());
    }

    /// <summary>The plan of one block of a group on the first rank, or null if it cannot be planned.</summary>
    internal static KvGroupPlan? Plan(KvSchema schema, int index, KvGroupSchema group, int tp)
    {
        try
        {
            // Together with the others: groups that share memory share page strides.
            var groups = schema.Groups.ToArray();
            groups[index] = group;
            var blocks = new long[groups.Length];
            for (var i = 0; i < blocks.Length; i++)
                blocks[i] = 1;
            return KvPlanner.PlanGroups(
                schema with { Groups = new KvList<KvGroupSchema>(groups) }, new KvParallel(tp), new KvList<long>(blocks), [])?[index];
        }
        catch (OverflowException)
        {
            return null;
        }
    }
}
