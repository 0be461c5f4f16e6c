using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Who answers a request, and who computes its prompt.</summary>
/// <param name="Decode">The engine that is sent the request.</param>
/// <param name="Prefill">Prefill engines for it to ask, the best first.</param>
/// <param name="Hashes">The prompt's full blocks.</param>
internal sealed record WorkerChoice(Worker Decode, Worker[] Prefill, BlockHash[] Hashes)
{
    // What a request that is already there costs a new one, in tokens to compute: about a short prompt and a few steps of decoding.
    private const int TokensPerRequest = 96;
    private const int MostPrefills = 4;

    /// <summary>Whether the decode engine could ask a prefill engine for the prompt: there is one, and it does not have all but a block of the prompt itself.</summary>
    internal bool MayAsk(int tokens)
    {
        var known = Decode.Prefixes.Match(Hashes) * Decode.BlockTokens;
        return Prefill is [{ Announcement.Role: EngineRole.Prefill }, ..] && (known == 0 || tokens - known > Decode.BlockTokens);
    }

    /// <summary>The prefill engine that it will ask, as far as that can be known: if it has asked for the last prompt for which it could. Null if it may not ask.</summary>
    internal Worker? WillAsk(int tokens) => MayAsk(tokens) && Decode.AsksElsewhere ? Prefill[0] : null;

    /// <summary>
    /// The engine with the least to do before the first token: tokens of the prompt that it does not have, and requests that it has. Where two are
    /// equal, the one after the last one chosen.
    /// </summary>
    /// <param name="workers">All engines.</param>
    /// <param name="tokens">The prompt, and what has been answered already.</param>
    /// <param name="excluded">Engines that have just refused or failed.</param>
    /// <param name="turn">A number that counts up.</param>
    /// <returns>Null if no decode engine takes requests.</returns>
    internal static WorkerChoice? Choose(Worker[] workers, ReadOnlySpan<int> tokens, IReadOnlySet<Worker> excluded, int turn)
    {
        Dictionary<int, BlockHash[]> bySize = [];
        var decodes = workers.Where(worker => worker.Decodes && worker.TakesRequests && !excluded.Contains(worker)).ToArray();
        if (decodes.Length == 0) return null;
        var decode = ByCost(decodes, tokens, bySize, turn)[0];
        var prefills = workers.Where(worker => worker != decode && worker.Prefills && worker.TakesRequests && IsConnected(decode, worker)).ToArray();
        // Another turn than the decode engines', so that not the same ones meet always.
        var ordered = ByCost(prefills, tokens, bySize, turn / decodes.Length);
        return new WorkerChoice(decode, ordered.Length > MostPrefills ? ordered[..MostPrefills] : ordered, HashesFor(decode, tokens, bySize));
    }

    private static Worker[] ByCost(Worker[] workers, ReadOnlySpan<int> tokens, Dictionary<int, BlockHash[]> bySize, int turn)
    {
        var keys = new (long Cost, int Turn)[workers.Length];
        for (var i = 0; i < workers.Length; i++)
        {
            var worker = workers[i];
            var known = (long)worker.Prefixes.Match(HashesFor(worker, tokens, bySize)) * worker.BlockTokens;
            keys[i] = (tokens.Length - known + ((long)worker.Load * TokensPerRequest), (int)(((uint)i + (uint)turn) % (uint)workers.Length));
        }
        Array.Sort(keys, workers);
        return workers;
    }

    /// <summary>Whether an engine says that it is connected to this life of another one.</summary>
    internal static bool IsConnected(Worker engine, Worker peer) => engine.Status is { } status && status.Peers.Any(other =>
        other.State == "connected" && other.Name == peer.Name && other.Incarnation == peer.Announcement.Incarnation);

    private static BlockHash[] HashesFor(Worker worker, ReadOnlySpan<int> tokens, Dictionary<int, BlockHash[]> bySize)
    {
        var size = worker.BlockTokens;
        if (!bySize.TryGetValue(size, out var hashes)) bySize.Add(size, hashes = PrefixIndex.HashesOf(tokens, size));
        return hashes;
    }
}
