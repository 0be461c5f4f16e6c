namespace Nixl.Sdk.Serving;

/// <summary>A prompt, and what it would meet on either side. "Local" is the engine that will decode; "remote" the one that may prefill for it.</summary>
/// <param name="Tokens">Tokens of the prompt, at least 1.</param>
public readonly record struct KvPrompt(int Tokens)
{
    /// <summary>The beginning of the prompt that is in the local prefix cache: neither computed here nor moved.</summary>
    public int LocalCachedTokens { get; init; }

    /// <summary>The beginning of the prompt that is in the remote prefix cache: moved, but not computed there.</summary>
    public int RemoteCachedTokens { get; init; }

    /// <summary>Tokens that local prefill has to compute first.</summary>
    public long LocalQueuedTokens { get; init; }

    /// <summary>Tokens that remote prefill has to compute first.</summary>
    public long RemoteQueuedTokens { get; init; }

    /// <summary>Sequences that are decoded locally now: they stand still while a prompt is prefilled beside them.</summary>
    public int RunningSequences { get; init; }

    /// <exception cref="ArgumentException">A number is impossible.</exception>
    internal void Check()
    {
        if (Tokens < 1 || LocalCachedTokens < 0 || RemoteCachedTokens < 0 || LocalCachedTokens > Tokens || RemoteCachedTokens > Tokens)
            throw new ArgumentException($"A prompt of {Tokens} tokens, of which {LocalCachedTokens} are cached here and {RemoteCachedTokens} there: give at least 1, and no more cached than there are.");
        if (LocalQueuedTokens < 0 || RemoteQueuedTokens < 0 || RunningSequences < 0)
            throw new ArgumentException($"Queues of {LocalQueuedTokens} and {RemoteQueuedTokens} tokens, {RunningSequences} running sequences: none can be negative.");
    }
}
