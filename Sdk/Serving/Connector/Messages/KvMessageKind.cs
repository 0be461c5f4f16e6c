namespace Nixl.Sdk.Serving;

/// <summary>What a notification of the connector is. Numbers go over the wire and are never used again.</summary>
internal enum KvMessageKind : byte
{
    /// <summary>Consumer → producer: write these blocks of mine.</summary>
    Request = 1,

    /// <summary>Producer → consumer: these blocks of mine can be read.</summary>
    Offer = 2,

    /// <summary>With a WRITE: what it has written.</summary>
    Wrote = 3,

    /// <summary>Who was let at blocks still needs them.</summary>
    Heartbeat = 4,

    /// <summary>Who was let at blocks touches them no more: done, cancelled or failed.</summary>
    End = 5,

    /// <summary>Who owns the blocks asks for the end.</summary>
    Cancel = 6,

    /// <summary>A piece of a request or an offer that is longer than a notification.</summary>
    Part = 7,

    /// <summary>Whether the receiver would take a request, or an offer, of the sender.</summary>
    Ask = 8,

    /// <summary>What it would do.</summary>
    Answer = 9,
}
