namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What the demo was asked for.</summary>
/// <param name="Transport">The only transport that the engines may use.</param>
/// <param name="Prompts">One prompt per request.</param>
/// <param name="MaxNewTokens">Longest answer.</param>
/// <param name="Seed">Decides the order of the blocks on both sides.</param>
/// <param name="Blocks">Blocks of each engine's pool.</param>
/// <param name="Model">Folder of the model.</param>
/// <param name="Timeout">Deadline of every single wait.</param>
/// <param name="Json">Whether the last line of stdout is a JSON object.</param>
/// <param name="Verbose">Whether the engines log what they do.</param>
internal sealed record DemoOptions(
    NixlTransports Transport, IReadOnlyList<string> Prompts, int MaxNewTokens, int Seed, int Blocks, string Model, TimeSpan Timeout,
    bool Json, bool Verbose);
