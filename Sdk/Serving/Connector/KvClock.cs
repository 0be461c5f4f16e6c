namespace Nixl.Sdk.Serving;

/// <summary>Moments and durations of one time provider.</summary>
internal readonly struct KvClock(TimeProvider time)
{
    public long Now => time.GetTimestamp();

    public long After(TimeSpan duration) => Now + (long)(duration.TotalSeconds * time.TimestampFrequency);

    public TimeSpan Since(long moment) => time.GetElapsedTime(moment);

    /// <summary>A difference of moments.</summary>
    public TimeSpan Elapsed(long difference) => time.GetElapsedTime(0, difference);

    /// <summary>What is left until then; less than nothing if it has passed.</summary>
    public TimeSpan Until(long moment) => time.GetElapsedTime(Now, moment);
}
