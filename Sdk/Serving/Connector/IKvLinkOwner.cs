namespace Nixl.Sdk.Serving;

/// <summary>Whose blocks a peer was let at. Called by the connector's own threads; must not block and runs no code of users.</summary>
internal interface IKvLinkOwner
{
    /// <summary>When it gives up, by the connector's clock.</summary>
    long Deadline { get; }

    /// <summary>Whether it has ended: who still has access is asked to end it.</summary>
    bool HasEnded { get; }

    /// <summary>Something has come.</summary>
    void Wrote(KvLink link);

    /// <summary>The peer has ended.</summary>
    void Ended(KvLink link, KvEndMessage end);

    /// <summary>The peer can touch nothing any more: by its word, by its exit, or because it never could.</summary>
    void Closed(KvLink link);

    /// <summary>It cannot become complete any more: deadline, expiry, lost peer.</summary>
    void Fail(KvHandoverException reason);
}
