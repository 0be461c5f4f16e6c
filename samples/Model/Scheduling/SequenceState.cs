namespace Nixl.Sdk.Samples.Model;

/// <summary>Where a <see cref="Sequence"/> is; it draws the way from state to state.</summary>
public enum SequenceState
{
    /// <summary>Has no blocks.</summary>
    Waiting,

    /// <summary>Has blocks that are being written from elsewhere.</summary>
    Reserved,

    /// <summary>Takes part in steps.</summary>
    Running,

    /// <summary>Has ended; <see cref="Sequence.FinishReason"/> says why.</summary>
    Finished,
}

/// <summary>Why a sequence ended.</summary>
public enum FinishReason
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
