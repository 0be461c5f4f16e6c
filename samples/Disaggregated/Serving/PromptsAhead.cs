namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Prompts that are computed, by the name under which a router sends them and a decode engine asks for them. Either may be the first: it begins the
/// computing, and the other one joins it. Thread-safe.
/// </summary>
/// <param name="mostIdle">So many that no decode engine has asked for yet are taken at most: the rest of the engine's queue is for those that ask.</param>
internal sealed class PromptsAhead(int mostIdle)
{
    // Decode engines ask within a millisecond; one that lacks blocks itself may not ask for long.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, PrefillWork> _works = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>The one of this name. If there is none, one is made.</summary>
    /// <param name="name">Empty: it is always a new one, that nobody else finds.</param>
    /// <param name="create">Makes it.</param>
    /// <param name="idle">Whether no decode engine has asked for it.</param>
    /// <exception cref="EngineBusyException">Too many wait for a decode engine to ask.</exception>
    internal PrefillWork GetOrAdd(string name, Func<PrefillWork> create, bool idle)
    {
        if (name.Length == 0) return create();
        lock (_lock)
        {
            if (_works.TryGetValue(name, out var known)) return known;
            if (idle && _works.Values.Count(work => !work.Asked.IsCompleted) >= mostIdle)
                throw new EngineBusyException(isFull: true, $"{mostIdle} prompts wait here for decode engines to ask for them; more are not taken.");
            var work = create();
            _works.Add(name, work);
            return work;
        }
    }

    internal void Remove(string name, PrefillWork work)
    {
        lock (_lock)
            if (_works.TryGetValue(name, out var known) && known == work) _works.Remove(name);
    }

    /// <summary>
    /// Somebody lacks blocks: of those that no decode engine has asked for the oldest one gives its own up. Without this, prompts that wait here for blocks and
    /// decode engines that wait for theirs could wait for each other. What was computed stays in the prefix cache, and whoever asks later has it computed as usual.
    /// </summary>
    internal void GiveUpOldest()
    {
        PrefillWork? oldest;
        lock (_lock) oldest = _works.Values.MaxBy(work => work.Idle);
        if (oldest?.Idle > Grace) oldest.GiveUp("Others need its blocks, and no decode engine has asked for it.");
    }
}
