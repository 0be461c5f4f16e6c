namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A request to a decode engine. What is not named may be left out (setters, because a generated reader forgets the defaults of init).</summary>
/// <param name="Id">Unique; 1 to 128 characters.</param>
/// <param name="Prompt">The prompt's tokens.</param>
/// <param name="MaxTokens">The longest answer, counted from the end of the prompt.</param>
internal sealed record GenerateRequest(string Id, int[] Prompt, int MaxTokens)
{
    /// <summary>Tokens of the answer that the client has already, from an engine that died: the answer goes on behind them.</summary>
    public int[] Emitted { get; set; } = [];

    /// <summary>Prefill engines to ask, the best first. None: the engine computes the prompt itself.</summary>
    public string[] Prefill { get; set; } = [];

    /// <summary>Under which name the first of <see cref="Prefill"/> was sent the prompt already (<see cref="PrefillRequest"/>); empty: it was not.</summary>
    public string Ahead { get; set; } = "";

    /// <summary>When it fails if it has not ended, from now.</summary>
    public double TimeoutSeconds { get; set; } = 120;
}
