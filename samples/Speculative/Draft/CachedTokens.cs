namespace Nixl.Sdk.Samples.Speculative;

/// <summary>
/// The tokens whose keys and values a cache holds, by position. What lies behind them in the blocks is of no use and gets overwritten. Both
/// sides keep one: the draft engine of its own blocks, the verifier of those that were written into its memory; by the same rules.
/// </summary>
internal sealed class CachedTokens
{
    private readonly List<int> _tokens = [];

    /// <summary>Positions [0, Count) are valid.</summary>
    internal int Count => _tokens.Count;

    /// <summary>The tokens.</summary>
    internal IReadOnlyList<int> Tokens => _tokens;

    /// <summary>
    /// Forgets what is not a beginning of <paramref name="known"/>: candidates that were rejected, and what stood on them. The last known token
    /// is forgotten in any case, because it has to be computed for the logits after it.
    /// </summary>
    /// <returns>The positions that stay valid.</returns>
    internal int Keep(IReadOnlyList<int> known)
    {
        var valid = 0;
        while (valid < _tokens.Count && valid < known.Count - 1 && _tokens[valid] == known[valid]) valid++;
        _tokens.RemoveRange(valid, _tokens.Count - valid);
        return valid;
    }

    /// <summary>What one proposal adds: the known tokens that were not cached, and all candidates but the last, which nobody has computed on.</summary>
    internal void Add(IReadOnlyList<int> known, ReadOnlySpan<int> candidates)
    {
        for (var i = _tokens.Count; i < known.Count; i++) _tokens.Add(known[i]);
        if (candidates.Length > 1) _tokens.AddRange(candidates[..^1]);
    }
}
