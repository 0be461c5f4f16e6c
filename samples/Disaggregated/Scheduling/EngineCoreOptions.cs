namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>How an <see cref="EngineCore"/> fills its steps. None of it changes a token of any answer.</summary>
internal sealed record EngineCoreOptions
{
    /// <summary>The most tokens in a step; at least <see cref="MaxSequences"/>, so that every running answer gets its token in every step.</summary>
    public int StepTokens { get; init; } = 256;

    /// <summary>The most tokens of one prompt in a step.</summary>
    public int ChunkTokens { get; init; } = 64;

    /// <summary>The most sequences that have blocks at a time.</summary>
    public int MaxSequences { get; init; } = 64;

    /// <summary>Whether blocks with equal content are shared.</summary>
    public bool PrefixCache { get; init; } = true;

    /// <summary>How long a rank waits for the others inside a step.</summary>
    public TimeSpan RankTimeout { get; init; } = TimeSpan.FromSeconds(30);

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ChunkTokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxSequences);
        if (StepTokens < MaxSequences)
            throw new ArgumentException($"{nameof(StepTokens)} is {StepTokens}, {nameof(MaxSequences)} {MaxSequences}: a step needs a token for each running sequence.");
    }
}
