namespace Nixl.Sdk;

/// <summary>What a transport has counted by itself since the agent started; see <see cref="NixlAgent.GetCounters"/>.</summary>
/// <param name="Transport">Which transport.</param>
/// <param name="WrittenBytes">Bytes of our WRITEs.</param>
/// <param name="ReadBytes">Bytes of our READs.</param>
/// <param name="Operations">Operations given to the transport, after merging and splitting.</param>
/// <param name="Transfers">Transfers settled.</param>
/// <param name="Failures">Transfers that failed.</param>
/// <param name="NotificationsSent">Notifications that peers have confirmed.</param>
/// <param name="NotificationsReceived">Notifications taken into our queue.</param>
/// <param name="NotificationsDroppedLate">Notifications of another incarnation or of a fenced request, and completions and writes of finished attempts and fenced rails.</param>
public readonly record struct TransportCounters(
    NixlTransports Transport, long WrittenBytes, long ReadBytes, long Operations, long Transfers, long Failures,
    long NotificationsSent, long NotificationsReceived, long NotificationsDroppedLate);
