namespace Nixl.Sdk.Serving;

/// <summary>Growing pauses between attempts. One task's own.</summary>
internal sealed class Backoff(KvPeerLinkOptions options)
{
    private TimeSpan _next = options.FirstBackoff;

    /// <summary>The next pause.</summary>
    /// <param name="longest">At once the longest one: trying soon is pointless.</param>
    public TimeSpan Next(bool longest)
    {
        var pause = longest ? options.MaxBackoff : _next;
        // A product beyond the largest TimeSpan cannot be: factor and pause are bounded.
        var grown = pause * options.BackoffFactor;
        _next = grown < options.MaxBackoff ? grown : options.MaxBackoff;
#pragma warning disable CA5394 // Nothing is secret about it.
        return pause * (1 - options.Jitter * Random.Shared.NextDouble());
#pragma warning restore CA5394
    }

    public void Reset() => _next = options.FirstBackoff;
}
