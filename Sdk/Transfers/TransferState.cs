namespace Nixl.Sdk;

/// <summary>Where a <see cref="Transfer"/> is. An end state stays until the next post.</summary>
public enum TransferState
{
    /// <summary>Never posted.</summary>
    NotPosted,

    /// <summary>Posted; no outcome yet.</summary>
    Running,

    /// <summary>It failed, but the transport may still touch its buffers. Await <see cref="Transfer.Quiesced"/>.</summary>
    Quiescing,

    /// <summary>Every byte arrived and the transport is done with the buffers.</summary>
    Succeeded,

    /// <summary>It failed, and the transport is done with the buffers.</summary>
    Failed,
}
