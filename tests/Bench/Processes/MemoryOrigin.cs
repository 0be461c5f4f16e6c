namespace Nixl.Sdk.Bench.Processes;

/// <summary>Whose memory is moved.</summary>
internal enum MemoryOrigin
{
    /// <summary>The SDK's, which same-machine peers map.</summary>
    Arena,

    /// <summary>The caller's, registered.</summary>
    Own,
}
