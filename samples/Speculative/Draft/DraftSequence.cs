using System.Diagnostics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>A sequence that the draft engine guesses for.</summary>
internal sealed class DraftSequence(BeginMessage begin, BlockLease blocks, IDrafter drafter) : IDisposable
{
    private readonly List<int> _known = [.. begin.Tokens];
    private int[] _candidates = [];
    private int _round = -1;

    internal int Number => begin.Sequence;

    internal BeginMessage Begin => begin;

    /// <summary>The blocks here.</summary>
    internal int[] Table { get; } = blocks.Blocks.ToArray();

    /// <summary>The next candidates, and which of the table's blocks have changed for it.</summary>
    internal (ProposalMessage Proposal, int FirstBlock, int Blocks) Propose(int k, int blockTokens, Stopwatch clock)
    {
        if (k < 1 || _known.Count + k - 1 > Table.Length * blockTokens)
            throw new InvalidDataException($"{k} candidates after {_known.Count} tokens; the sequence has blocks for {Table.Length * blockTokens}.");
        (_candidates, var from, var to) = drafter.Propose(_known, k);
        _round++;
        var first = from / blockTokens;
        return (new ProposalMessage(Number, _round, _candidates, clock.Elapsed.TotalMicroseconds), first, ((to - 1) / blockTokens) - first + 1);
    }

    internal void Take(VerdictMessage verdict)
    {
        if (verdict.Round != _round || verdict.Accepted < 0 || verdict.Accepted > _candidates.Length)
            throw new InvalidDataException($"The verifier accepted {verdict.Accepted} candidates of round {verdict.Round}; round {_round} has {_candidates.Length}.");
        _known.AddRange(_candidates.AsSpan(0, verdict.Accepted));
        _known.Add(verdict.Token);
    }

    /// <summary>Gives the blocks back.</summary>
    public void Dispose() => blocks.Dispose();
}
