namespace Nixl.Sdk.Planning;

/// <summary>What one source rank gives one target rank: which pieces of which groups. Immutable.</summary>
/// <param name="Source">The rank that the bytes come from.</param>
/// <param name="Target">The rank that they go to.</param>
/// <param name="Groups">One for each group, in the target's order.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record ReshardRoute(KvParallel Source, KvParallel Target, KvList<ReshardGroup> Groups)
{
    /// <summary>True if the source rank gives the target rank nothing: others hold the same, or none of it is needed there.</summary>
    public bool IsEmpty
    {
        get
        {
            foreach (var group in Groups)
            {
                if (group.Pieces.Count > 0)
                    return false;
            }
            return true;
        }
    }
}
