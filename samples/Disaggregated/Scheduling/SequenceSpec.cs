namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A sequence as its request asks for it.</summary>
/// <param name="Id">Named in errors.</param>
/// <param name="Prompt">At least one token.</param>
/// <param name="MaxNewTokens">Longest answer; at least 1.</param>
internal sealed record SequenceSpec(string Id, IReadOnlyList<int> Prompt, int MaxNewTokens)
{
    /// <summary>
    /// Whether it keeps its blocks until it has finished: others read them while it is computed. It gets those of its longest answer at once and is never
    /// preempted.
    /// </summary>
    internal bool Pinned { get; init; }

    /// <summary>When it came, among all that want blocks of the same pools.</summary>
    internal long Order { get; init; }

    /// <summary>Whether its blocks stay its own when it has finished, until <see cref="Sequence.Release"/>: they are still to be handed over.</summary>
    internal bool KeepBlocks { get; init; }

    /// <summary>Called with rank, layer and number of positions from the first on that are in the rank's cache now. On the rank's thread, in the middle of a
    /// step: it may only make a note of it.</summary>
    internal Action<int, int, int>? Stored { get; init; }

    /// <summary>Positions that the longest answer needs: the last token is never fed back and needs none.</summary>
    internal int MaxPositions => Prompt.Count + MaxNewTokens - 1;
}
