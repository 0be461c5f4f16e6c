using System.Runtime.InteropServices;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A prompt and its answer while it is made. Belongs to one <see cref="EngineCore"/> and its thread.
/// <code>
/// Add ──→ Waiting ──blocks allow──→ Running ──end of text, length──→ Finished
///           ▲                        │ ▲                               ▲
///           └────blocks run out──────┘ └─a place in the steps──┐      Abort, from every state
/// Adopt (blocks that came from elsewhere) ──────────────────→ Arrived
/// </code>
/// </summary>
internal sealed class Sequence
{
    private readonly List<int> _tokens;
    private readonly List<BlockHash> _hashes = [];
    private BlockLease[] _leases = [];

    internal Sequence(SequenceSpec spec)
    {
        Spec = spec;
        _tokens = [.. spec.Prompt];
    }

    /// <summary>What was asked for.</summary>
    internal SequenceSpec Spec { get; }

    /// <summary>Prompt and answer so far.</summary>
    internal ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The answer so far.</summary>
    internal ReadOnlySpan<int> NewTokens => Tokens[Spec.Prompt.Count..];

    /// <summary>Where it is.</summary>
    internal SequenceState State { get; set; }

    /// <summary>Why it ended; null before.</summary>
    internal FinishReason? FinishReason { get; set; }

    /// <summary>Positions whose keys and values are in its blocks.</summary>
    internal int ComputedTokens { get; set; }

    /// <summary>Positions that were found in the prefix cache when it last got its blocks.</summary>
    internal int CachedTokens { get; set; }

    /// <summary>How often it lost its blocks to sequences before it, and was computed again.</summary>
    internal int Preemptions { get; set; }

    /// <summary>Its blocks on each rank; empty without.</summary>
    internal IReadOnlyList<BlockLease> Leases => _leases;

    /// <summary>Whether it must not lose its blocks: others read them, or it could not be computed again here as it is.</summary>
    internal bool IsPinned => Spec.Pinned || IsAdopted;

    /// <summary>Whether its prompt came from elsewhere.</summary>
    internal bool IsAdopted { get; init; }

    /// <summary>Of each rank the block table: position p lies in block <c>table[p / BlockTokens]</c>. Ids differ from rank to rank.</summary>
    internal IReadOnlyList<ReadOnlyMemory<int>> BlockTables { get; private set; } = [];

    /// <summary>Blocks that it has on every rank.</summary>
    internal int Blocks => BlockTables.Count == 0 ? 0 : BlockTables.Min(table => table.Length);

    /// <summary>Positions that its longest answer needs: the last token is never fed back and needs none.</summary>
    internal int MaxPositions => Spec.MaxPositions;

    /// <summary>Tokens that the next step can feed.</summary>
    internal int PendingTokens => _tokens.Count - ComputedTokens;

    /// <summary>Blocks whose content was published, from the first on.</summary>
    internal int PublishedBlocks { get; set; }

    /// <summary>Blocks, from the first on, in which nothing is left of those who had them before.</summary>
    internal int CleanBlocks { get; set; }

    internal void Append(int token) => _tokens.Add(token);

    /// <summary>Gives it its blocks; they are its own from now on.</summary>
    internal void SetLeases(BlockLease[] leases)
    {
        _leases = leases;
        ReadTables();
    }

    /// <summary>After a lease has grown.</summary>
    internal void ReadTables() => BlockTables = [.. _leases.Select(lease => (ReadOnlyMemory<int>)lease.Blocks.ToArray())];

    /// <summary>Gives its blocks up: those that nobody else touches are free at once. Safe from any thread once it has finished; again: nothing happens.</summary>
    internal void Release()
    {
        foreach (var lease in Interlocked.Exchange(ref _leases, [])) lease.Dispose();
    }

    /// <summary>Begins anew, without blocks.</summary>
    internal void Reset()
    {
        Release();
        (BlockTables, ComputedTokens, PublishedBlocks) = ([], 0, 0);
    }

    /// <summary>The hashes of its first <paramref name="count"/> blocks, all of whose tokens are known.</summary>
    internal ReadOnlySpan<BlockHash> HashesOf(int count, BlockHasher hasher)
    {
        while (_hashes.Count < count)
            _hashes.Add(hasher.Next(_hashes.Count == 0 ? null : _hashes[^1], Tokens.Slice(_hashes.Count * hasher.BlockTokens, hasher.BlockTokens)));
        return CollectionsMarshal.AsSpan(_hashes)[..count];
    }
}
