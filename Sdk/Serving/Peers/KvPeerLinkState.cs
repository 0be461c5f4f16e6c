namespace Nixl.Sdk.Serving;

/// <summary>Whether a remote engine can be worked with.</summary>
public enum KvPeerLinkState
{
    /// <summary>Not all ranks have been connected yet, or not all have connected to us.</summary>
    Connecting = 0,

    /// <summary>All ranks are connected and connected to us, and what they hold fits: requests and offers are taken.</summary>
    Connected = 1,

    /// <summary>All are connected, but one is silent for longer than <see cref="NixlAgentOptions.SuspectAfter"/>; it may come back.</summary>
    Suspect = 2,

    /// <summary>A rank was connected and is gone. It is connected anew as soon as it is there again.</summary>
    Lost = 3,

    /// <summary>It is there and does not fit: another layout or model, ranks that do not fill a block, or no permission. It is tried again
    /// every <see cref="KvPeerLinkOptions.MaxBackoff"/>, because the engine may be started again with what fits.</summary>
    Refused = 4,

    /// <summary>The link was disposed. Final.</summary>
    Disposed = 5,
}
