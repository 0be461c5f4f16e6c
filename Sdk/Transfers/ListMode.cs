namespace Nixl.Sdk;

/// <summary>What an id of a <see cref="PreparedList"/> stands for.</summary>
public enum ListMode
{
    /// <summary>Id i is the i-th piece, counting through the regions one after the other (NIXL's addressing).</summary>
    Flat = 0,

    /// <summary>Id b is piece b of every region: all regions at block b.</summary>
    Block = 1,
}
