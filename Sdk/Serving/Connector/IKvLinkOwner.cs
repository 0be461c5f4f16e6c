namespace Nixl.Sdk.Serving;

/// <summary>Whose blocks a peer was let at. Called by the connector's own threads; must not block and runs no code of users.</summary>
internal interface IKvLinkOwner
{
    /// <summary>When it gives up, by the connector's clock.</summary>
    long Deadline { get; }

    /// <summary>Whether it has ended: who still has access is asked to end it.</summary>
    bool HasEnded { get; }

    /// <summary>Compares what a peer says it has written with the memory, for an access that was given with checksums; not on the dispatcher.</summary>
    /// <param name="link">The access.</param>
    /// <param name="wrote">The declaration.</param>
    /// <param name="bytes">What the transport has counted; nothing is read if the declaration is of others.</param>
    /// <returns>Layers (ordinals) and blocks (positions) that differ; it has failed if its policy says so. Null if the message cannot be right.</returns>
    IReadOnlyList<(int Layer, int Block)>? Compare(KvLink link, KvWroteMessage wrote, long bytes);

    /// <summary>Something has come.</summary>
    void Wrote(KvLink link);

    /// <summary>The peer has ended.</summary>
    void Ended(KvLink link, KvEndMessage end);

    /// <summary>The peer can touch nothing any more: by its word, by its exit, or because it never could.</summary>
    void Closed(KvLink link);

    /// <summary>It cannot become complete any more: deadline, expiry, lost peer.</summary>
    void Fail(KvHandoverException reason);
}
