namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What a step of an <see cref="EngineCore"/> did.</summary>
/// <param name="Tokens">Tokens that went through the model; 0 if there was nothing to compute.</param>
/// <param name="PromptTokens">Those of them that belong to prompts.</param>
/// <param name="Admitted">Sequences that got their blocks.</param>
/// <param name="Preempted">Sequences that lost them.</param>
/// <param name="Outputs">New tokens, one of a sequence at most.</param>
/// <param name="Failed">Sequences whose logits were not numbers.</param>
internal sealed record StepResult(
    int Tokens, int PromptTokens, IReadOnlyList<Sequence> Admitted, IReadOnlyList<Sequence> Preempted, IReadOnlyList<SequenceOutput> Outputs, IReadOnlyList<Sequence> Failed)
{
    /// <summary>Whether the next step would do nothing either, unless something happens: a sequence is added or adopted, or blocks are given back.</summary>
    public bool IsIdle => Tokens == 0 && Admitted.Count == 0 && Preempted.Count == 0;
}

/// <summary>A new token of a sequence.</summary>
/// <param name="Sequence">The sequence; finished if this was its last token.</param>
/// <param name="Token">The token.</param>
internal readonly record struct SequenceOutput(Sequence Sequence, int Token);
