using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Which blocks of prompts one life of an engine should have in its prefix cache: those that it was sent, the most recently used ones. A guess, for
/// the choice of an engine only; what is really there the engine finds out itself. Thread-safe.
/// </summary>
internal sealed class PrefixIndex(int capacity)
{
    // All engines of a router have one model, and these hashes stay in the router.
    private static readonly ModelIdentity OneModel = new("router", "1");

    private readonly Lock _lock = new();
    private readonly Dictionary<BlockHash, LinkedListNode<BlockHash>> _nodes = [];
    private readonly LinkedList<BlockHash> _byUse = []; // the most recently used one first

    internal int Count
    {
        get
        {
            lock (_lock) return _nodes.Count;
        }
    }

    /// <summary>The hashes of a text's full blocks, each over all tokens before it.</summary>
    internal static BlockHash[] HashesOf(ReadOnlySpan<int> tokens, int blockTokens)
    {
        var hashes = new BlockHash[tokens.Length / blockTokens];
        new BlockHasher(OneModel, blockTokens).Chain(tokens, hashes);
        return hashes;
    }

    /// <summary>How many of these, from the first on, should be there.</summary>
    internal int Match(ReadOnlySpan<BlockHash> hashes)
    {
        lock (_lock)
        {
            var count = 0;
            while (count < hashes.Length && _nodes.ContainsKey(hashes[count])) count++;
            return count;
        }
    }

    /// <summary>The engine has been sent these. Of one prompt the end is forgotten before the beginning.</summary>
    internal void Add(ReadOnlySpan<BlockHash> hashes)
    {
        lock (_lock)
        {
            for (var i = Math.Min(hashes.Length, capacity) - 1; i >= 0; i--)
            {
                if (_nodes.TryGetValue(hashes[i], out var node)) _byUse.Remove(node);
                else _nodes.Add(hashes[i], node = new LinkedListNode<BlockHash>(hashes[i]));
                _byUse.AddFirst(node);
            }
            while (_nodes.Count > capacity)
            {
                _nodes.Remove(_byUse.Last!.Value);
                _byUse.RemoveLast();
            }
        }
    }
}
