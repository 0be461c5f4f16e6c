using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Whether a prompt is computed here or elsewhere.</summary>
internal static class PrefillChoice
{
    /// <summary>Chooses.</summary>
    /// <returns>The engines to ask, the best first, none for here; what the counters call it; and why, in words.</returns>
    internal static (IReadOnlyList<PeerEngine> Peers, string Kind, string Why) Choose(ServingEngine engine, DecodeRequest request, BlockHash[] prefix)
    {
        var named = request.Request.Prefill;
        if (named.Length == 0) return ([], "here: none named", "The request names no prefill engine.");
        var cached = engine.Ranks.Min(rank => rank.Blocks.CountCached(prefix)) * engine.BlockTokens;
        var missing = request.Spec.Prompt.Count - cached;
        if (missing <= engine.BlockTokens) return ([], "here: cached", $"All but {missing} of the prompt's {request.Spec.Prompt.Count} tokens are cached here.");
        List<PeerEngine> connected = [.. named.Select(engine.Peers.Find).OfType<PeerEngine>().Where(peer => peer.Sources is not null)];
        if (connected.Count == 0) return ([], "here: none connected", $"No connection to {string.Join(", ", named)}.");
        return (connected, "remote", cached == 0 ? $"Nothing of the prompt's {missing} tokens is cached here." : $"{missing} of the prompt's {request.Spec.Prompt.Count} tokens are not cached here.");
    }
}
