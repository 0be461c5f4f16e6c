namespace Nixl.Sdk.Serving;

/// <summary>Neighbouring blocks of a prompt, counted from its first token.</summary>
/// <param name="First">The first.</param>
/// <param name="Count">How many.</param>
internal readonly record struct KvBlockSpan(int First, int Count)
{
    /// <summary>The other side's blocks with the same tokens.</summary>
    /// <param name="units">So many units make a block here and there.</param>
    /// <param name="first">The first block here.</param>
    /// <param name="count">Blocks here.</param>
    /// <param name="group">The group, for messages.</param>
    /// <exception cref="ArgumentException">The tokens begin or end within a block there.</exception>
    public static KvBlockSpan Translate((int Here, int There) units, int first, int count, string group)
    {
        var (start, end) = ((long)first * units.Here, ((long)first + count) * units.Here);
        if (start % units.There != 0 || end % units.There != 0)
            throw new ArgumentException(
                $"Group '{group}': blocks {first} … {first + count - 1} begin or end within a block of the other side, of which {units.Here} hold the tokens of {units.There} here. Move whole blocks of both sides: a multiple of {units.There / (int)System.Numerics.BigInteger.GreatestCommonDivisor(units.Here, units.There)}.");
        return new KvBlockSpan((int)(start / units.There), (int)((end - start) / units.There));
    }
}
