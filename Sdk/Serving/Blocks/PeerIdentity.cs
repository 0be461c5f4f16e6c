using System.Globalization;

namespace Nixl.Sdk.Serving;

/// <summary>One life of a named agent. A restarted agent has the same name and another incarnation: it is somebody else.</summary>
/// <param name="Name">The agent's name.</param>
/// <param name="Incarnation">The random number that it drew at its start.</param>
public readonly record struct PeerIdentity(string Name, ulong Incarnation)
{
    /// <summary>The identity of a connected peer.</summary>
    /// <param name="agent">The peer.</param>
    public static PeerIdentity Of(RemoteAgent agent)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return new PeerIdentity(agent.Name, agent.Incarnation);
    }

    /// <summary>Who sent a notification.</summary>
    /// <param name="info">The notification.</param>
    public static PeerIdentity Of(in NotificationInfo info) => new(info.Sender, info.SenderIncarnation);

    /// <summary>Name and incarnation, as messages show them.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}#{Incarnation:x16}");
}
