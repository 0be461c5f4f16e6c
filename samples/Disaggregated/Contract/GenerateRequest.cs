namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A request to a decode engine.</summary>
/// <param name="Id">Unique; 1 to 128 characters.</param>
/// <param name="Prompt">The prompt's tokens.</param>
/// <param name="MaxTokens">The longest answer, counted from the end of the prompt.</param>
internal sealed record GenerateRequest(string Id, int[] Prompt, int MaxTokens)
{
    /// <summary>Tokens of the answer that the client has already, from an engine that died: the answer goes on behind them.</summary>
    public int[] Emitted { get; init; } = [];

    /// <summary>Prefill engines to ask, the best first. None: the engine computes the prompt itself.</summary>
    public string[] Prefill { get; init; } = [];

    /// <summary>When it fails if it has not ended, from now.</summary>
    public double TimeoutSeconds { get; init; } = 120;
}
