namespace Nixl.Sdk.Serving;

/// <summary>What is known of one peer, and what was decided last for it. The latter is guarded by a lock on this object's <see cref="Sync"/>.</summary>
internal sealed class PeerRates(TimeSpan transferOverhead, long now)
{
    public RunningRate Prefill { get; } = new();

    public RunningRate Transfer { get; } = new(transferOverhead);

    public Lock Sync { get; } = new();

    /// <summary>The side of the last request that was not an exploration; null before the first.</summary>
    public KvPlacement? Last { get; set; }

    /// <summary>Requests in a row on that side.</summary>
    public int InARow { get; set; }

    /// <summary>When each side was taken last.</summary>
    public long LastRemote { get; set; } = now;

    public long LastLocal { get; set; } = now;
}
