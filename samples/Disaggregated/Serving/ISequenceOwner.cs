namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Who is told what happens to a sequence. Called by the <see cref="EngineLoop"/> on its thread, which it must not hold up.</summary>
internal interface ISequenceOwner
{
    /// <summary>It has got its blocks, and its first step begins; again after it had lost them.</summary>
    void Admitted(Sequence sequence);

    /// <summary>It has a new token; the last one if it is finished.</summary>
    void Token(Sequence sequence, int token);

    /// <summary>Its logits were not numbers; it has ended.</summary>
    void NotNumbers(Sequence sequence);
}
