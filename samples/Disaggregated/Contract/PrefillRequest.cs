namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A prompt that a router sends to a prefill engine at the same time as the request to the decode engine, which will ask for it: its computing does not
/// wait until the decode engine has its blocks.
/// </summary>
/// <param name="Name">What the decode engine will call it (<see cref="GenerateRequest.Ahead"/>); 1 to 128 characters, used once.</param>
/// <param name="Prompt">The prompt's tokens, with those of the answer that the client has already.</param>
internal sealed record PrefillRequest(string Name, int[] Prompt)
{
    /// <summary>Until when the decode engine must have asked, from now.</summary>
    public double TimeoutSeconds { get; set; } = 120;
}
