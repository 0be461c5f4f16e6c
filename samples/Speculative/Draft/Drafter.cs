using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>Guesses how a sequence goes on.</summary>
internal interface IDrafter
{
    /// <summary>Proposes <paramref name="k"/> tokens after those that are known.</summary>
    /// <param name="known">All tokens of the sequence.</param>
    /// <param name="k">Candidates that are wanted, at least 1.</param>
    /// <returns>The candidates, and the positions [From, To) whose keys and values were computed for it.</returns>
    (int[] Candidates, int From, int To) Propose(IReadOnlyList<int> known, int k);
}

/// <summary>
/// Guesses with a small model, one token after the other. Its cache may have been filled by somebody else: what is in it already is not
/// computed again.
/// </summary>
/// <param name="runner">The draft model over the cache that has the blocks.</param>
/// <param name="table">The sequence's blocks.</param>
/// <param name="cached">What the blocks hold.</param>
internal sealed class Drafter(LlamaRunner runner, int[] table, CachedTokens cached) : IDrafter
{
    public (int[] Candidates, int From, int To) Propose(IReadOnlyList<int> known, int k)
    {
        var from = cached.Keep(known);
        var open = known.Skip(from).ToArray();
        ReadOnlySpan<float> logits = default;
        for (var at = 0; at < open.Length; at += runner.MaxChunk)
            logits = runner.Forward(open.AsSpan(at, Math.Min(runner.MaxChunk, open.Length - at)), from + at, table);
        var candidates = new int[k];
        for (var i = 0; i < k; i++)
        {
            candidates[i] = Greedy.Choose(logits);
            if (i < k - 1) logits = runner.Forward([candidates[i]], known.Count + i, table);
        }
        cached.Add(known, candidates);
        return (candidates, from, cached.Count);
    }
}
