namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Time as events say it.</summary>
internal static class Clock
{
    /// <summary>Milliseconds of Unix time, with fractions.</summary>
    internal static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;
}
