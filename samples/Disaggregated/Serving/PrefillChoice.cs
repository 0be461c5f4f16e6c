using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Whether a prompt is computed here or elsewhere: conditional disaggregation.</summary>
internal static class PrefillChoice
{
    /// <summary>Chooses.</summary>
    /// <returns>The engines to ask, the best first, none for here; what the counters call it; and why, in words.</returns>
    internal static (IReadOnlyList<PeerEngine> Peers, string Kind, string Why) Choose(ServingEngine engine, DecodeRequest request, BlockHash[] prefix)
    {
        var (named, tokens) = (request.Request.Prefill, request.Spec.Prompt.Count);
        if (named.Length == 0) return ([], "here: none named", "The request names no prefill engine.");
        var cached = engine.Ranks.Min(rank => rank.Blocks.CountCached(prefix)) * engine.BlockTokens;
        // The last token is computed here in any case: less than a block is not worth the way.
        if (cached > 0 && tokens - cached <= engine.BlockTokens) return ([], "here: cached", $"All but {tokens - cached} of the prompt's {tokens} tokens are cached here.");
        List<PeerEngine> connected = [.. named.Select(engine.Peers.Find).OfType<PeerEngine>().Where(peer => peer.Sources is not null)];
        if (connected.Count == 0) return ([], "here: none connected", $"No connection to {string.Join(", ", named)}.");
        var advice = engine.Advisor.Advise(connected[0].Name, new KvPrompt(tokens)
        {
            LocalCachedTokens = cached,
            LocalQueuedTokens = engine.Loop.QueuedTokens,
            RemoteQueuedTokens = connected[0].AskedTokens,
            RunningSequences = engine.Loop.Load.Running,
        });
        var why = $"{(cached == 0 ? $"Nothing of the prompt's {tokens} tokens is cached here" : $"{cached} of the prompt's {tokens} tokens are cached here")}; {advice.Why}.";
        return advice.Placement == KvPlacement.Remote ? (connected, $"remote: {Name(advice.Reason)}", why) : ([], $"here: {Name(advice.Reason)}", why);
    }

    private static string Name(KvAdviceReason reason) => reason switch
    {
        KvAdviceReason.Faster => "faster",
        KvAdviceReason.GainTooSmall => "gain too small to change",
        KvAdviceReason.Unknown => "not measured yet",
        KvAdviceReason.Exploring => "tried",
        KvAdviceReason.Mode => "always",
        _ => reason.ToString(),
    };
}
