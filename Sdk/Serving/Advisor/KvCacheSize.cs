using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Serving;

/// <summary>How many bytes of a prompt's cache have to move into one rank: whole blocks, without those that are cached there.</summary>
/// <remarks>Immutable, thread-safe. The ranks of an engine are moved to side by side, so that one rank's bytes make the time; give the
/// largest rank's plan where they differ.</remarks>
public sealed class KvCacheSize
{
    private readonly (long BlockTokens, long BlockBytes, long MostBlocks)[] _groups;

    private KvCacheSize((long BlockTokens, long BlockBytes, long MostBlocks)[] groups, int layers) => (_groups, Layers) = (groups, layers);

    /// <summary>Layers of the rank: the steps in which a cache moves layer by layer.</summary>
    public int Layers { get; }

    /// <summary>The bytes of one token in full blocks of all groups that keep every token.</summary>
    public double BytesPerToken => _groups.Sum(static group => group.MostBlocks == long.MaxValue && group.BlockTokens > 0 ? (double)group.BlockBytes / group.BlockTokens : 0);

    /// <summary>Of the rank that receives.</summary>
    /// <param name="plan">The receiving rank's plan, for example <c>pool.Plan</c>; its number of blocks does not matter.</param>
    public static KvCacheSize Of(KvPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var groups = plan.Groups.Select(static group => (
            (long)group.Schema.BlockTokens,
            group.BytesPerBlock,
            group.Schema is { Window: > 0, BlockTokens: > 0 } windowed ? LayoutMath.WindowBlocks(windowed.Window, windowed.BlockTokens) : long.MaxValue)).ToArray();
        return new KvCacheSize(groups, Math.Max(1, plan.Groups.SelectMany(static group => group.Layers).Distinct().Count()));
    }

    /// <summary>The bytes that have to come: per group the blocks of the prompt that are not cached at the receiver, of a sliding window at
    /// most as many as it covers, and of a group without tokens (state) its one block.</summary>
    /// <param name="tokens">The prompt.</param>
    /// <param name="cachedTokens">The beginning of it that the receiver has; only full blocks of it count. All of it: nothing moves.</param>
    public long BytesToMove(int tokens, int cachedTokens)
    {
        if (cachedTokens >= tokens) return 0;
        long bytes = 0;
        foreach (var (blockTokens, blockBytes, most) in _groups)
        {
            var blocks = blockTokens == 0 ? 1 : LayoutMath.AlignUp(tokens, blockTokens) / blockTokens - (cachedTokens / blockTokens);
            bytes = checked(bytes + (Math.Min(blocks, most) * blockBytes));
        }
        return bytes;
    }
}
