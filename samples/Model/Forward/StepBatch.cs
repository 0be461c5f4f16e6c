using System.Runtime.InteropServices;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// What one step computes: chunks of several sequences, one after the other. A chunk is a part of a prompt or one token of an answer; both may
/// be in one batch. Filled, run and cleared again by one thread.
/// </summary>
public sealed class StepBatch
{
    private readonly List<SequenceChunk> _chunks = [];
    private readonly List<int> _tokens = [];

    /// <summary>Tokens in the batch.</summary>
    public int Tokens => _tokens.Count;

    /// <summary>Chunks in the batch.</summary>
    public int Chunks => _chunks.Count;

    /// <summary>Rows of logits that are wanted: one for each such chunk, or one for each of its tokens.</summary>
    public int LogitsRows { get; private set; }

    /// <summary>Adds a chunk whose blocks have the same ids on every rank.</summary>
    /// <inheritdoc cref="Add(ReadOnlySpan{int}, int, IReadOnlyList{ReadOnlyMemory{int}}, bool)"/>
    /// <param name="tokens">At least one token.</param>
    /// <param name="position">Position of the first; those before it are in the cache already.</param>
    /// <param name="blockTable">The sequence's blocks: position p lies in block <c>blockTable[p / BlockTokens]</c>.</param>
    /// <param name="wantsLogits">Whether the logits after the last token are wanted.</param>
    public int Add(ReadOnlySpan<int> tokens, int position, ReadOnlyMemory<int> blockTable, bool wantsLogits) => Add(tokens, position, [blockTable], wantsLogits);

    /// <summary>Adds a chunk.</summary>
    /// <param name="tokens">At least one token.</param>
    /// <param name="position">Position of the first; those before it are in the cache already.</param>
    /// <param name="blockTables">For each rank the sequence's blocks there: position p lies in block <c>table[p / BlockTokens]</c>. Ids may differ from rank to
    /// rank; a single table counts for all. They stay as they are until the step has run.</param>
    /// <param name="wantsLogits">Whether the logits after the last token are wanted.</param>
    /// <returns>The row of its logits in <see cref="BatchRunner.Logits"/>; -1 if they are not wanted.</returns>
    public int Add(ReadOnlySpan<int> tokens, int position, IReadOnlyList<ReadOnlyMemory<int>> blockTables, bool wantsLogits)
    {
        ArgumentNullException.ThrowIfNull(blockTables);
        return AddChunk(tokens, position, blockTables, wantsLogits ? 1 : 0);
    }

    /// <summary>Adds a chunk of which the logits after every token are wanted: what verifies tokens that somebody else has guessed.</summary>
    /// <inheritdoc cref="Add(ReadOnlySpan{int}, int, ReadOnlyMemory{int}, bool)"/>
    /// <param name="tokens">At least one token.</param>
    /// <param name="position">Position of the first; those before it are in the cache already.</param>
    /// <param name="blockTable">The sequence's blocks: position p lies in block <c>blockTable[p / BlockTokens]</c>.</param>
    /// <returns>The row of the logits after the first token in <see cref="BatchRunner.Logits"/>; those after the others follow.</returns>
    public int AddForAllLogits(ReadOnlySpan<int> tokens, int position, ReadOnlyMemory<int> blockTable) =>
        AddChunk(tokens, position, [blockTable], tokens.Length);

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        _chunks.Clear();
        _tokens.Clear();
        LogitsRows = 0;
    }

    private int AddChunk(ReadOnlySpan<int> tokens, int position, IReadOnlyList<ReadOnlyMemory<int>> blockTables, int logits)
    {
        var row = logits > 0 ? LogitsRows : -1;
        LogitsRows += logits;
        _chunks.Add(new SequenceChunk(_tokens.Count, tokens.Length, position, blockTables, row, logits));
        _tokens.AddRange(tokens);
        return row;
    }

    internal ReadOnlySpan<SequenceChunk> AllChunks => CollectionsMarshal.AsSpan(_chunks);

    internal ReadOnlySpan<int> AllTokens => CollectionsMarshal.AsSpan(_tokens);
}

/// <summary>
/// One sequence's part of a batch: rows [FirstRow, +Count) of every activation, and rows [LogitsRow, +LogitsCount) of the logits, which are
/// those after its last tokens.
/// </summary>
internal readonly record struct SequenceChunk(
    int FirstRow, int Count, int Position, IReadOnlyList<ReadOnlyMemory<int>> BlockTables, int LogitsRow, int LogitsCount)
{
    /// <summary>The blocks on one rank.</summary>
    internal ReadOnlyMemory<int> TableOf(int rank) => BlockTables.Count == 1 ? BlockTables[0] : BlockTables[rank];
}
