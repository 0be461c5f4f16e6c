namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Prompts that are computed, by the name under which a router sends them and a decode engine asks for them. Either may be the first: it begins the
/// computing, and the other one joins it. Thread-safe.
/// </summary>
internal sealed class PromptsAhead
{
    // Decode engines ask within a millisecond; one that lacks blocks itself may not ask for long.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, PrefillWork> _works = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    internal PrefillWork? Find(string name)
    {
        lock (_lock) return _works.GetValueOrDefault(name);
    }

    /// <returns>False if there is one of this name; it stays.</returns>
    internal bool TryAdd(string name, PrefillWork work)
    {
        lock (_lock) return _works.TryAdd(name, work);
    }

    internal void Remove(string name, PrefillWork work)
    {
        lock (_lock)
            if (_works.TryGetValue(name, out var known) && known == work) _works.Remove(name);
    }

    /// <summary>
    /// Somebody lacks blocks: those that no decode engine has asked for give theirs up. Without this, prompts that wait here for blocks and decode engines
    /// that wait for theirs could wait for each other. What was computed stays in the prefix cache, and whoever asks later has it computed as usual.
    /// </summary>
    internal void GiveUpIdle()
    {
        PrefillWork[] idle;
        lock (_lock) idle = [.. _works.Values.Where(work => !work.Asked.IsCompleted && work.Age > Grace)];
        foreach (var work in idle) work.GiveUp();
    }
}
