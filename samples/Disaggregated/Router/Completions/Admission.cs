namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>How many answers are on their way, and the most that may be. Thread-safe.</summary>
internal sealed class Admission(int limit)
{
    private int _all, _running;

    internal int Limit => limit;

    /// <summary>Those that have a first token.</summary>
    internal int Running => Volatile.Read(ref _running);

    /// <summary>Those that have none yet.</summary>
    internal int Waiting => Math.Max(0, Volatile.Read(ref _all) - Running);

    /// <exception cref="ApiException">There are too many.</exception>
    internal void Enter(int count)
    {
        if (Interlocked.Add(ref _all, count) <= limit) return;
        var others = Interlocked.Add(ref _all, -count);
        throw ApiException.Full($"{others} answers are on their way, and {count} more would be above the limit of {limit}. Try again in a moment.");
    }

    internal void Leave(int count) => Interlocked.Add(ref _all, -count);

    internal void FirstToken() => Interlocked.Increment(ref _running);

    internal void Ended() => Interlocked.Decrement(ref _running);
}
