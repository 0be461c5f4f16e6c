namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A prompt that is being computed. Owned by the engine's compute task.</summary>
internal sealed class PrefillRequest(PrefillMessage message, RemoteKvPool<KjvBytesKv> peer)
{
    internal PrefillMessage Message => message;

    internal RemoteKvPool<KjvBytesKv> Peer => peer;

    /// <summary>Timestamp of its first step.</summary>
    internal long Started { get; set; }
}
