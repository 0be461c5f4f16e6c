namespace Nixl.Sdk;

/// <summary>How to connect to one peer.</summary>
/// <remarks>Immutable, so thread-safe.</remarks>
public sealed class ConnectOptions
{
    /// <summary>Transports that may be used for this peer; null = the agent's.</summary>
    public NixlTransports? Transports { get; init; }

    /// <summary>Deadline of the connect; zero = the agent's <see cref="NixlAgentOptions.DefaultTimeout"/>.</summary>
    public TimeSpan Timeout { get; init; }
}
