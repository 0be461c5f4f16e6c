namespace Nixl.Sdk.Planning;

/// <summary>Small arithmetic on layouts. Pure functions, 64-bit and checked.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class LayoutMath
{
    /// <summary>The bytes of one element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not an element type.</exception>
    public static int ElementBytes(ElementType type) => type switch
    {
        ElementType.Fp8E4M3 or ElementType.Fp8E5M2 or ElementType.Fp8E8M0 or ElementType.Int8 or ElementType.UInt8 => 1,
        ElementType.Float16 or ElementType.BFloat16 or ElementType.Int16 => 2,
        ElementType.Float32 or ElementType.Int32 => 4,
        ElementType.Int64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type."),
    };

    /// <summary>The bytes of the widest element of a group, which is what its memory must be aligned to.</summary>
    internal static int ElementAlignment(KvGroupSchema group)
    {
        var align = 1;
        foreach (var component in group.Components)
            align = Math.Max(align, ElementBytes(component.Type));
        return align;
    }

    /// <summary>The least multiple of <paramref name="alignment"/> that is not below <paramref name="value"/>; 0 or 1 is no alignment.</summary>
    public static long AlignUp(long value, long alignment) =>
        alignment <= 1 ? value : checked((value + alignment - 1) / alignment * alignment);

    /// <summary>The blocks that a prompt of <paramref name="tokens"/> takes.</summary>
    public static long BlocksFor(long tokens, int blockTokens) =>
        blockTokens < 1 ? throw new ArgumentOutOfRangeException(nameof(blockTokens)) : checked((tokens + blockTokens - 1) / blockTokens);

    /// <summary>
    /// The blocks of a sliding-window group that still count: as many as the window covers, and one more because the window's end
    /// rarely is a block's end. Only the last so many blocks of a prompt need to be moved.
    /// </summary>
    /// <param name="window">The attention window in tokens, at least 1; a group with the full context has none.</param>
    /// <param name="blockTokens">Tokens of one block, at least 1.</param>
    public static int WindowBlocks(int window, int blockTokens)
    {
        if (window < 1)
            throw new ArgumentOutOfRangeException(nameof(window), window, "A window has at least one token; with the full context every block counts.");
        if (blockTokens < 1)
            throw new ArgumentOutOfRangeException(nameof(blockTokens), blockTokens, "A block has at least one token.");
        return (int)(((long)window + blockTokens - 1) / blockTokens) + 1;
    }
}
