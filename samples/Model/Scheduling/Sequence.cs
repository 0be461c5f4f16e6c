using System.Runtime.InteropServices;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// A prompt and its answer while it is made. Belongs to one <see cref="EngineCore"/> and its thread.
/// <code>
/// Add ──→ Waiting ──blocks allow──→ Running ──end of text, length──→ Finished
///           │ ▲                       │ ▲                              ▲
///           │ └──blocks run out───────┘ │ Arrived                      │
///           └──blocks, remote prompt──→ Reserved          Abort, from every state
/// </code>
/// </summary>
public sealed class Sequence
{
    private readonly List<int> _tokens;
    private readonly List<BlockHash> _hashes = [];
    private int[] _blocks = [];

    internal Sequence(SequenceSpec spec)
    {
        Spec = spec;
        _tokens = [.. spec.Prompt];
    }

    /// <summary>What was asked for.</summary>
    public SequenceSpec Spec { get; }

    /// <summary>Prompt and answer so far.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The answer so far.</summary>
    public ReadOnlySpan<int> NewTokens => Tokens[Spec.Prompt.Count..];

    /// <summary>Where it is.</summary>
    public SequenceState State { get; internal set; }

    /// <summary>Why it ended; null before.</summary>
    public FinishReason? FinishReason { get; internal set; }

    /// <summary>Positions whose keys and values are in its blocks.</summary>
    public int ComputedTokens { get; internal set; }

    /// <summary>Positions that were found in the prefix cache when it last got its blocks.</summary>
    public int CachedTokens { get; internal set; }

    /// <summary>How often it lost its blocks to sequences before it, and was computed again.</summary>
    public int Preemptions { get; internal set; }

    /// <summary>The block table: position p lies in block <c>Blocks[p / BlockTokens]</c>.</summary>
    public ReadOnlyMemory<int> Blocks => _blocks;

    /// <summary>Positions that its longest answer needs: the last token is never fed back and needs none.</summary>
    internal int MaxPositions => Spec.Prompt.Count + Spec.MaxNewTokens - 1;

    /// <summary>Tokens that the next step can feed.</summary>
    internal int PendingTokens => _tokens.Count - ComputedTokens;

    /// <summary>Blocks whose content was published, from the first on.</summary>
    internal int PublishedBlocks { get; set; }

    internal void Append(int token) => _tokens.Add(token);

    internal void AddBlocks(ReadOnlySpan<int> blocks) => _blocks = [.. _blocks, .. blocks];

    /// <summary>Takes its blocks from it.</summary>
    internal int[] TakeBlocks()
    {
        var blocks = _blocks;
        (_blocks, ComputedTokens, PublishedBlocks) = ([], 0, 0);
        return blocks;
    }

    /// <summary>The hash of its block <paramref name="index"/>, all of whose tokens are known.</summary>
    internal BlockHash HashOf(int index, int blockTokens)
    {
        while (_hashes.Count <= index)
            _hashes.Add(BlockHash.Chain(_hashes.Count == 0 ? default : _hashes[^1], Tokens.Slice(_hashes.Count * blockTokens, blockTokens)));
        return _hashes[index];
    }
}
