namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine as its HTTP host sees it. Thread-safe.</summary>
internal interface IServingEngine : IAsyncDisposable
{
    /// <summary>Who it is and where its agents' metadata is. Without an address of its own: the host knows that.</summary>
    EngineAnnouncement Announcement { get; }

    /// <summary>Answers a request: what happens to it, in order, the last one a <see cref="FinishedEvent"/> or a <see cref="FailedEvent"/>.</summary>
    /// <param name="request">The request.</param>
    /// <param name="cancellation">The client is gone: the request is aborted, and its blocks are free once nobody touches them.</param>
    /// <exception cref="ArgumentException">It can never be answered. Thrown before the first event.</exception>
    /// <exception cref="EngineBusyException">Not now. Thrown before the first event.</exception>
    IAsyncEnumerable<EngineEvent> GenerateAsync(GenerateRequest request, CancellationToken cancellation);

    /// <summary>
    /// Computes a prompt for which a decode engine is about to ask: a <see cref="FirstTokenEvent"/>, or a <see cref="FailedEvent"/>. Ends when the decode
    /// engine has asked: then the prompt is its own.
    /// </summary>
    /// <param name="request">The prompt.</param>
    /// <param name="cancellation">The router does not want it any more: it is given up unless the decode engine has asked.</param>
    /// <exception cref="ArgumentException">It can never be computed. Thrown before the first event.</exception>
    /// <exception cref="EngineBusyException">Not now. Thrown before the first event.</exception>
    IAsyncEnumerable<EngineEvent> PrefillAsync(PrefillRequest request, CancellationToken cancellation);

    /// <summary>
    /// The other engines as they should be known from now on; the whole list each time. Connections are made and dropped in the background, with
    /// back-off; an engine with another incarnation is another engine.
    /// </summary>
    void SetPeers(IReadOnlyList<EngineAnnouncement> peers);

    /// <summary>
    /// That life of another engine is gone for certain: somebody has waited for its process. Blocks that only it could still touch come back; a
    /// lost connection, or silence, is not enough for that.
    /// </summary>
    void PeerExited(EngineAnnouncement peer);

    /// <summary>What it does at this moment.</summary>
    EngineStatus GetStatus();

    /// <summary>Takes no more requests; those that it has are finished.</summary>
    void Drain();
}
