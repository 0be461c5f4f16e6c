using System.Collections.Concurrent;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What an engine counts from its start, the warm-up left out. Thread-safe.</summary>
internal sealed class EngineCounters
{
    internal long PromptTokensComputed;
    internal long TokensComputed;
    internal long TokensGenerated;
    internal long RequestsFinished;
    internal long RequestsFailed;
    internal long RequestsAborted;
    internal long Failovers;

    /// <summary>WRITEs that were posted, and those of them that were posted before their prompt was computed to the end.</summary>
    internal long Writes;
    internal long WritesWhileComputing;

    /// <summary>Where prompts were computed, and why.</summary>
    internal ConcurrentDictionary<string, long> Prefills { get; } = new(StringComparer.Ordinal);

    internal static void Add(ref long counter, long more = 1) => Interlocked.Add(ref counter, more);

    internal void Prefill(string why) => Prefills.AddOrUpdate(why, 1, static (_, known) => known + 1);
}
