namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What a step computes, and what was decided on the way.</summary>
internal sealed class Schedule(int tokens)
{
    internal List<(Sequence Sequence, int Tokens)> Chunks { get; } = [];

    internal List<Sequence> Admitted { get; } = [];

    internal List<Sequence> Preempted { get; } = [];

    /// <summary>Tokens that still fit into the step.</summary>
    internal int Left { get; private set; } = tokens;

    internal void Add(Sequence sequence, int count)
    {
        Chunks.Add((sequence, count));
        Left -= count;
    }
}
