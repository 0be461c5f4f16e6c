namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Runs one sequence at a time: a chunk of a prompt or one token, with the same bits either way. A <see cref="BatchRunner"/> whose batches
/// have one chunk; one thread at a time.
/// </summary>
public sealed class LlamaRunner : IDisposable
{
    private readonly BatchRunner _runner;
    private readonly StepBatch _batch = new();

    /// <summary>Creates a runner; <paramref name="maxChunk"/> is the most tokens in one call.</summary>
    public LlamaRunner(LlamaModel model, PagedKvCache cache, int maxChunk = 64) => _runner = new BatchRunner(model, [cache], maxChunk, maxLogits: 1);

    /// <summary>The most tokens in one call.</summary>
    public int MaxChunk => _runner.MaxTokens;

    /// <summary>Tokens that went through the model since the start: a decoder that was handed its prompt never counts it.</summary>
    public long TokensComputed => _runner.TokensComputed;

    /// <summary>
    /// Feeds tokens at <paramref name="position"/>, … and returns the logits after the last one, valid until the next call.
    /// Writes their keys and values into the cache and reads those of all positions before.
    /// </summary>
    /// <param name="tokens">1 to <see cref="MaxChunk"/> tokens.</param>
    /// <param name="position">Position of the first.</param>
    /// <param name="blockTable">The sequence's blocks: position p lies in block <c>blockTable[p / BlockTokens]</c>.</param>
    public ReadOnlySpan<float> Forward(scoped ReadOnlySpan<int> tokens, int position, scoped ReadOnlySpan<int> blockTable)
    {
        _batch.Clear();
        var row = _batch.Add(tokens, position, blockTable.ToArray(), wantsLogits: true);
        _runner.Run(_batch);
        return _runner.Logits(row);
    }

    /// <summary>Feeds a whole prompt in chunks and returns the logits after it.</summary>
    public ReadOnlySpan<float> Prefill(scoped ReadOnlySpan<int> prompt, scoped ReadOnlySpan<int> blockTable, CancellationToken cancellation = default)
    {
        ReadOnlySpan<float> logits = default;
        for (var at = 0; at < prompt.Length; at += MaxChunk)
        {
            cancellation.ThrowIfCancellationRequested();
            logits = Forward(prompt.Slice(at, Math.Min(MaxChunk, prompt.Length - at)), at, blockTable);
        }
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose() => _runner.Dispose();
}
