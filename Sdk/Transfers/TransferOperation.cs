namespace Nixl.Sdk;

/// <summary>The direction of a transfer, seen from the agent that posts it.</summary>
public enum TransferOperation
{
    /// <summary>From the peer's memory into ours.</summary>
    Read = 0,

    /// <summary>From our memory into the peer's.</summary>
    Write = 1,
}
