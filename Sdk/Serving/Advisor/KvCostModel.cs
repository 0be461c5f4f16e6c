namespace Nixl.Sdk.Serving;

/// <summary>
/// What a prompt takes, prefilled locally and remotely. A pure function: for advice, and for questions of what would be.
/// <code>
/// monolithic:     TTFT = Q_local  + T_prefill(tokens - cached locally)  + T_first_decode_step
/// disaggregated:  TTFT = Q_remote + T_prefill(tokens - cached remotely) + T_exposed + T_first_decode_step
/// remote pays if  T_exposed &lt; T_scheduling_savings = (Q_local + T_prefill,local + interference) - (Q_remote + T_prefill,remote)
/// </code>
/// </summary>
public static class KvCostModel
{
    /// <summary>Reckons both ways.</summary>
    /// <param name="cache">The bytes of a prompt at the receiving rank.</param>
    /// <param name="costs">Both prefills and the transfer have to be known.</param>
    /// <param name="prompt">The prompt.</param>
    /// <exception cref="ArgumentException">A figure is missing or impossible.</exception>
    public static KvEstimate Estimate(KvCacheSize cache, in KvCosts costs, in KvPrompt prompt)
    {
        ArgumentNullException.ThrowIfNull(cache);
        prompt.Check();
        if (!costs.LocalPrefill.IsKnown || !costs.RemotePrefill.IsKnown || !costs.Transfer.IsKnown)
            throw new ArgumentException("LocalPrefill, RemotePrefill and Transfer have to be known (more than 0 units per second).", nameof(costs));
        var bytes = cache.BytesToMove(prompt.Tokens, prompt.LocalCachedTokens);
        // One token is always computed: the model's answer to it is the first token.
        var local = costs.LocalPrefill.For(Math.Max(1, prompt.Tokens - prompt.LocalCachedTokens));
        var remote = costs.RemotePrefill.For(Math.Max(1, prompt.Tokens - prompt.RemoteCachedTokens));
        return new KvEstimate
        {
            TransferBytes = bytes,
            LocalPrefill = local,
            RemotePrefill = remote,
            LocalQueue = Queue(costs.LocalPrefill, prompt.LocalQueuedTokens),
            RemoteQueue = Queue(costs.RemotePrefill, prompt.RemoteQueuedTokens),
            Transfer = costs.Transfer.For(bytes),
            ExposedTransfer = KvSeconds.ToTime(Exposed(costs, bytes, remote.TotalSeconds, cache.Layers)),
            FirstDecodeStep = costs.DecodeStep.IsKnown ? costs.DecodeStep.For(prompt.RunningSequences + 1) : TimeSpan.Zero,
            Interference = KvSeconds.ToTime(costs.Interference * prompt.RunningSequences * local.TotalSeconds),
        };
    }

    private static TimeSpan Queue(in KvRate prefill, long tokens) => tokens == 0 ? TimeSpan.Zero : prefill.For(tokens);

    // Two stages, a layer at a time. The last layer leaves when it is computed, or when the layers before it have left.
    private static double Exposed(in KvCosts costs, long bytes, double prefill, int layers)
    {
        var moving = bytes / costs.Transfer.PerSecond;
        if (!costs.LayerByLayer) return costs.Transfer.Overhead.TotalSeconds + moving;
        return costs.Transfer.Overhead.TotalSeconds + Math.Max(moving / layers, moving - (prefill * (layers - 1) / layers));
    }
}
