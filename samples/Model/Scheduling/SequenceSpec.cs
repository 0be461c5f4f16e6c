namespace Nixl.Sdk.Samples.Model;

/// <summary>A sequence as its request asks for it.</summary>
/// <param name="Id">Named in errors.</param>
/// <param name="Prompt">At least one token.</param>
/// <param name="MaxNewTokens">Longest answer; at least 1.</param>
public sealed record SequenceSpec(string Id, IReadOnlyList<int> Prompt, int MaxNewTokens)
{
    /// <summary>
    /// Whether the prompt's keys and values come from elsewhere. Such a sequence gets blocks for its longest answer, waits for
    /// <see cref="EngineCore.Arrived"/>, and is never preempted: it could not be computed again here.
    /// </summary>
    public bool RemotePrompt { get; init; }

    /// <summary>Whether its blocks stay reserved when it has finished, until <see cref="EngineCore.Release"/>: they are still to be handed over.</summary>
    public bool KeepBlocks { get; init; }
}
