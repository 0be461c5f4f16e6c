namespace Nixl.Sdk.Serving;

/// <summary>Settings of a <see cref="KvConnector"/>. Read once, when it starts.</summary>
public sealed class KvConnectorOptions
{
    /// <summary>
    /// Gets the agent's notifications that are not the connector's, one after the other and in order, on the thread pool. While it is
    /// busy up to <see cref="MaxWaiting"/> wait; then reading waits for it, too. Null: they are counted and dropped.
    /// </summary>
    public Func<Notification, ValueTask>? OtherNotification { get; set; }

    /// <summary>Requests and offers of one peer that wait for the engine, twice as many with those that it works on; and notifications that wait for
    /// <see cref="OtherNotification"/>. More are refused. Peers share twice as many places: n that want all of them get 2/(n + 1) of this number each, so
    /// that none locks out another. 1024; at most a million.</summary>
    public int MaxWaiting { get; set; } = 1024;

    /// <summary>How often deadlines, heartbeats and expiry are looked at. 100 ms; shorter than the block pools' heartbeat interval.</summary>
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the end of an access is told to a peer that does not read. 30 s; its blocks are in quarantine until it knows.</summary>
    public TimeSpan ConfirmTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Whether what is handed over is compared with checksums of what the producer has, one for each layer of each block, before it counts as
    /// arrived. A consumer asks for them in its requests, and producers answer with them; offers have them if the producer's option is on, and a
    /// consumer whose own is on refuses those without. What differs fails the hand-over (<see cref="KvOutcome.Corrupted"/>) or, with
    /// <see cref="ArrivalPolicy.Recompute"/>, is among the blocks to recompute. Both sides read the bytes once more; pools have to lie in host
    /// memory. Off.
    /// </summary>
    public bool Checksums { get; set; }

    /// <summary>The clock of deadlines and heartbeats.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal void Check()
    {
        ArgumentNullException.ThrowIfNull(TimeProvider);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWaiting, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxWaiting, 1_000_000);
        ArgumentOutOfRangeException.ThrowIfLessThan(CheckInterval, TimeSpan.FromMilliseconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(CheckInterval, TimeSpan.FromMinutes(1));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(ConfirmTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ConfirmTimeout, KvMessageFormat.LongestTime);
    }
}
