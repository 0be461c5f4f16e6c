namespace Nixl.Sdk.Planning;

/// <summary>
/// Blocks of two sizes cut into equal units: the longest run of tokens that divides both. Each block of a side is a whole number of
/// units, and unit i of one side has its counterpart in one unit of the other.
/// </summary>
/// <param name="Tokens">Tokens of a unit; 0 where there is no token dimension, then a block is one unit.</param>
/// <param name="SourcePerBlock">Units of one source block.</param>
/// <param name="TargetPerBlock">Units of one target block.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct BlockUnits(int Tokens, int SourcePerBlock, int TargetPerBlock)
{
    /// <summary>The units of two groups of the same content.</summary>
    internal static BlockUnits Of(KvGroupSchema source, KvGroupSchema target)
    {
        if (source.BlockTokens == 0 || target.BlockTokens == 0)
            return new BlockUnits(0, 1, 1);
        var (a, b) = (source.BlockTokens, target.BlockTokens);
        while (b != 0)
            (a, b) = (b, a % b);
        return new BlockUnits(a, source.BlockTokens / a, target.BlockTokens / a);
    }
}
