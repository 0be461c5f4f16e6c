namespace Nixl.Sdk;

/// <summary>A notification with its payload, as <see cref="NixlAgent.ReadNotificationsAsync"/> yields it.</summary>
/// <param name="Info">Sender and request.</param>
/// <param name="Payload">The payload; the receiver's own copy.</param>
public sealed record Notification(NotificationInfo Info, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Name of the sending agent.</summary>
    public string Sender => Info.Sender;
}
