namespace Nixl.Sdk;

/// <summary>What goes with one post. A ref struct: the payload is copied before the post returns.</summary>
public readonly ref struct PostOptions
{
    private readonly ReadOnlySpan<byte> _notification;

    /// <summary>
    /// Payload of the notification that the peer gets once every byte is visible there; at most 65,536 bytes. Setting it, even to an
    /// empty span, asks for a notification.
    /// </summary>
    public ReadOnlySpan<byte> Notification
    {
        get => _notification;
        init
        {
            _notification = value;
            Notify = true;
        }
    }

    /// <summary>Whether the peer is notified.</summary>
    public bool Notify { get; init; }

    /// <summary>Deadline from now; zero = the agent's <see cref="NixlAgentOptions.DefaultTimeout"/>.</summary>
    public TimeSpan Timeout { get; init; }

    /// <summary>Token of the receiver's block lease, carried in the notification; 0 = none.</summary>
    public ulong LeaseToken { get; init; }

    /// <summary>0 for the first attempt of a request.</summary>
    public uint Attempt { get; init; }
}
