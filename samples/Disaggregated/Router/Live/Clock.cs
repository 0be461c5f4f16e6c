namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The time of events.</summary>
internal static class Clock
{
    /// <summary>Milliseconds of Unix time.</summary>
    internal static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;
}
