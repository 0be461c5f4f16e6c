namespace Nixl.Sdk.Planning;

/// <summary>What the pages of a preset are made of, and with that which numbers it takes.</summary>
internal enum PresetKind
{
    /// <summary>Not a known engine.</summary>
    Unknown,

    /// <summary>Keys and values by head.</summary>
    KeyValue,

    /// <summary>8-bit keys and values by head, with scales of their own.</summary>
    ScaledKeyValue,

    /// <summary>Keys in tiles of 16 bytes, values transposed.</summary>
    TiledKeyValue,

    /// <summary>One latent with its rope part.</summary>
    Latent,

    /// <summary>An fp8 latent, its scales, a bf16 rope part.</summary>
    ScaledLatent,

    /// <summary>The same, and a group of indexer keys.</summary>
    IndexedLatent,
}
