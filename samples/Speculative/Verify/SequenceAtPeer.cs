using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>A sequence for which somebody proposes candidates, seen from the verifier.</summary>
internal sealed class SequenceAtPeer(int number, BlockLease lease)
{
    internal int Number => number;

    /// <summary>The blocks here that hold the draft model's cache of it.</summary>
    internal BlockLease Lease => lease;

    /// <summary>The draft engine's permission to write them; null if it never had one.</summary>
    internal LeaseGrant? Grant { get; set; }

    /// <summary>What the blocks hold. While a round is on its way: what they hold whatever becomes of it, because it changes nothing before.</summary>
    internal CachedTokens Cached { get; } = new();

    /// <summary>The round that is due; -1 before the first.</summary>
    internal int Round { get; set; } = -1;

    /// <summary>Known tokens at the last proposal.</summary>
    internal int Known { get; set; }

    /// <summary>After a take-over.</summary>
    internal Drafter? Drafter { get; set; }

    /// <summary>A proposal is what was asked for, and its WRITE brought exactly the blocks that it must have changed.</summary>
    /// <exception cref="InvalidDataException">It is not.</exception>
    internal void Check(ProposalMessage proposal, in NotificationInfo info, int known, int k, int from, int vocabulary, long bytesPerBlock)
    {
        if (proposal.Sequence != number || proposal.Round != Round) throw Bad($"is for round {proposal.Round} of sequence {proposal.Sequence}; round {Round} of {number} is due");
        if (proposal.Tokens.Length != k) throw Bad($"has {proposal.Tokens.Length} candidates; {k} were asked for");
        if (Array.Find(proposal.Tokens, token => token < 0 || token >= vocabulary) is var wrong && Array.Exists(proposal.Tokens, token => token < 0 || token >= vocabulary))
            throw Bad($"has token {wrong}; the vocabulary has {vocabulary}");
        var blocks = ((known + k - 2) / KjvDraftKv.BlockTokens) - (from / KjvDraftKv.BlockTokens) + 1;
        if (!info.WithTransfer || info.RequestBytes != blocks * bytesPerBlock || info.LeaseToken != Grant!.Token.Value)
            throw Bad($"came with {info.RequestBytes} bytes; {blocks} blocks of {bytesPerBlock} under this sequence's permission were due");

        InvalidDataException Bad(string what) => new($"the draft engine's proposal {what}");
    }
}
