using System.Globalization;

namespace Nixl.Sdk.Planning;

/// <summary>One term of an order: a dimension, or one half of its tile.</summary>
/// <param name="Kind">The dimension.</param>
/// <param name="Part">The whole of it, or a part of a tile.</param>
/// <param name="Tile">The tile's size; 0 for a whole dimension.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record OrderDim(DimKind Kind, DimPart Part, int Tile)
{
    /// <summary>The letters of <see cref="DimKind"/>, in its order.</summary>
    internal const string Letters = "LBPHNDT";

    /// <summary>The term as it is written in an order.</summary>
    public override string ToString()
    {
        var letter = Letters[(int)Kind].ToString();
        var tile = Tile.ToString(CultureInfo.InvariantCulture);
        return Part switch
        {
            DimPart.Quotient => letter + "/" + tile,
            DimPart.Remainder => letter + "%" + tile,
            _ => letter,
        };
    }
}
