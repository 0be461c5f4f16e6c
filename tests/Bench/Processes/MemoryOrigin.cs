namespace Nixl.Sdk.Bench.Processes;

/// <summary>Whose memory is moved.</summary>
internal enum MemoryOrigin
{
    /// <summary>The SDK's, which same-machine peers map.</summary>
    Arena,

    /// <summary>The same, in pages of 4 KiB even where larger ones could be had.</summary>
    SmallPageArena,

    /// <summary>The caller's, registered.</summary>
    Own,
}
