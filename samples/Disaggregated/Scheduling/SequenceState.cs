namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Where a <see cref="Sequence"/> is; it draws the way from state to state.</summary>
internal enum SequenceState
{
    /// <summary>Has no blocks.</summary>
    Waiting,

    /// <summary>Has its prompt and the first token, and waits for a place in the steps.</summary>
    Arrived,

    /// <summary>Takes part in steps.</summary>
    Running,

    /// <summary>Has ended; <see cref="Sequence.FinishReason"/> says why.</summary>
    Finished,
}

/// <summary>Why a sequence ended.</summary>
internal enum FinishReason
{
    /// <summary>The model ended the text.</summary>
    Stop,

    /// <summary>The longest answer is reached.</summary>
    Length,

    /// <summary>It was no longer wanted.</summary>
    Aborted,

    /// <summary>Its logits were not numbers.</summary>
    Failed,
}
