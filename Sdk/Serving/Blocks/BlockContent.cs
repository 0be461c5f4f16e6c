namespace Nixl.Sdk.Serving;

/// <summary>What is in a block, as far as anybody may rely on it.</summary>
internal enum BlockContent : byte
{
    /// <summary>Nothing, or what the owner is computing.</summary>
    Empty = 0,

    /// <summary>Somebody else was allowed to write: a mixture until an arrival says more.</summary>
    Incoming = 1,

    /// <summary>Complete.</summary>
    Whole = 2,
}
