using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A prompt's cache that has come, complete.</summary>
/// <param name="Peer">Who has computed it.</param>
/// <param name="Receives">Of each own rank; whoever gets them disposes them.</param>
/// <param name="Told">What came with the end: the answer's first token, and times.</param>
/// <param name="Bytes">That were moved, over all ranks.</param>
/// <param name="LargestBytes">Of the rank that got the most.</param>
internal sealed record RemoteCache(PeerEngine Peer, IReadOnlyList<KvReceive> Receives, PromptComputed Told, long Bytes, long LargestBytes)
{
    /// <summary>For the counts, and for the choice of the next ones.</summary>
    internal void Count(KvAdvisor advisor)
    {
        Peer.HandedOver(Bytes);
        advisor.ObserveTransfer(Peer.Name, LargestBytes, TimeSpan.FromMilliseconds(Math.Max(0, Told.MovingMs)));
        if (Told.Computed > 0) advisor.ObserveRemotePrefill(Peer.Name, Told.Computed, TimeSpan.FromMilliseconds(Math.Max(0, Told.PrefillMs)));
    }
}
