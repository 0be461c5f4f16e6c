namespace Nixl.Sdk;

/// <summary>
/// Whether small pieces of a WRITE over the fabric are packed: gathered into staging memory, written at once and scattered by the
/// peer's transport. Host memory only. A packed write completes when the peer has scattered it.
/// </summary>
public enum PackingMode
{
    /// <summary>Where it is cheaper than one operation per piece, by the provider's costs (see <see cref="NixlAgent.Describe"/>).</summary>
    Auto = 0,

    /// <summary>One operation per piece.</summary>
    Never = 1,

    /// <summary>Every piece up to the largest that can be packed, in every request.</summary>
    Always = 2,
}
