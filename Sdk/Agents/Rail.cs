namespace Nixl.Sdk;

/// <summary>One of the rails that the connection to a peer uses at once, as <see cref="RemoteAgent.Rails"/> reads it.</summary>
/// <param name="Number">Its number, the same on both sides.</param>
/// <param name="State">Whether it is used.</param>
/// <param name="Device">This side's device.</param>
/// <param name="WrittenBytes">Acknowledged as delivered.</param>
/// <param name="ReadBytes">Read through it.</param>
/// <param name="Operations">That ended well.</param>
/// <param name="Repeated">Operations that were repeated on other rails because this one died.</param>
/// <param name="Losses">How often it died.</param>
public sealed record Rail(
    int Number,
    RailState State,
    string Device,
    long WrittenBytes,
    long ReadBytes,
    long Operations,
    long Repeated,
    long Losses);

/// <summary>The life of a <see cref="Rail"/>.</summary>
public enum RailState
{
    /// <summary>In use.</summary>
    Open = 0,

    /// <summary>It died; the peer has not confirmed yet that it closed its side. What was in flight on it waits.</summary>
    Fencing = 1,

    /// <summary>Closed on both sides; its work goes over the others.</summary>
    Closed = 2,
}
