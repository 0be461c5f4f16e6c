using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Hosting;

/// <summary>Leases and connector of an agent, for hosts that add producers or consumers; becomes <see cref="BlockPoolOptions"/> and
/// <see cref="KvConnectorOptions"/>.</summary>
/// <remarks>Not thread-safe while being filled; only read once the host has started.</remarks>
public sealed class NixlServingOptions
{
    /// <summary>How long a grant lives without a heartbeat. [30 s]</summary>
    public TimeSpan LeaseLifetime { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a grant lives at least after a heartbeat. [20 s]</summary>
    public TimeSpan LeaseExtension { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How often peers are asked to send a heartbeat; shorter than the other two. [5 s]</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Requests and offers of one peer that wait for the engine; peers share twice as many places. [1024]</summary>
    public int MaxWaiting { get; set; } = 1024;

    /// <summary>How often deadlines, heartbeats and expiry are looked at; shorter than the heartbeat interval. [100 ms]</summary>
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the end of an access is told to a peer that does not read. [30 s]</summary>
    public TimeSpan ConfirmTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether what is handed over is compared with the producer's checksums; see <see cref="KvConnectorOptions.Checksums"/>. [false]</summary>
    public bool Checksums { get; set; }

    internal BlockPoolOptions ToBlockPoolOptions(TimeProvider time) => new()
    {
        LeaseLifetime = LeaseLifetime, LeaseExtension = LeaseExtension, HeartbeatInterval = HeartbeatInterval, TimeProvider = time,
    };

    internal KvConnectorOptions ToConnectorOptions(TimeProvider time) => new()
    {
        MaxWaiting = MaxWaiting, CheckInterval = CheckInterval, ConfirmTimeout = ConfirmTimeout, Checksums = Checksums, TimeProvider = time,
    };

    /// <summary>Everything that is wrong.</summary>
    internal IEnumerable<string> Problems()
    {
        if (Problem(() => ToBlockPoolOptions(TimeProvider.System).Check()) is { } lease) yield return lease;
        if (Problem(() => ToConnectorOptions(TimeProvider.System).Check()) is { } connector) yield return connector;
        if (CheckInterval >= HeartbeatInterval) yield return $"Serving.CheckInterval {CheckInterval} must be shorter than Serving.HeartbeatInterval {HeartbeatInterval}.";
    }

    private static string? Problem(Action check)
    {
        try
        {
            check();
            return null;
        }
        catch (ArgumentException error)
        {
            return $"Serving: {error.Message}";
        }
    }
}
