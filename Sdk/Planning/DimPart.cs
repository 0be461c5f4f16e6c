namespace Nixl.Sdk.Planning;

/// <summary>Whether an order names a dimension whole or as the two parts of a tile.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum DimPart
{
    /// <summary>The whole dimension.</summary>
    Whole,

    /// <summary>X/n: which tile.</summary>
    Quotient,

    /// <summary>X%n: where in the tile.</summary>
    Remainder,
}
