namespace Nixl.Sdk.Serving;

/// <summary>Settings of a <see cref="BlockPool"/>. Read once, when the pool is made.</summary>
public sealed class BlockPoolOptions
{
    /// <summary>Name in gauges and messages. Give each pool of a process its own: the gauges of two with the same name cannot be told apart.</summary>
    public string Name { get; set; } = "kv";

    /// <summary>The agent that owns the blocks; its incarnation goes with every token. Null: a nameless one with a random incarnation.</summary>
    public PeerIdentity? Owner { get; set; }

    /// <summary>How long a grant lives without a heartbeat. 30 s, as in vLLM; at most a day.</summary>
    public TimeSpan LeaseLifetime { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a grant lives at least after a heartbeat. 20 s, as in vLLM; at most a day.</summary>
    public TimeSpan LeaseExtension { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How often peers are asked to send a heartbeat. 5 s, as in vLLM; shorter than the other two.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of deadlines, expiry and ages.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal void Check()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Name);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        var day = TimeSpan.FromDays(1);
        if (LeaseLifetime <= TimeSpan.Zero || LeaseLifetime > day || LeaseExtension <= TimeSpan.Zero || LeaseExtension > day)
            throw new ArgumentException($"LeaseLifetime ({LeaseLifetime}) and LeaseExtension ({LeaseExtension}) must be more than nothing and at most a day.");
        if (HeartbeatInterval <= TimeSpan.Zero || HeartbeatInterval >= LeaseLifetime || HeartbeatInterval >= LeaseExtension)
            throw new ArgumentException($"HeartbeatInterval ({HeartbeatInterval}) must be shorter than LeaseLifetime ({LeaseLifetime}) and LeaseExtension ({LeaseExtension}): else every lease expires.");
    }
}
