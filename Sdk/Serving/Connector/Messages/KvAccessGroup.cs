namespace Nixl.Sdk.Serving;

/// <summary>The blocks of one group that a peer is let at.</summary>
/// <param name="Name">The group's name, the same on both sides.</param>
/// <param name="Token">The grant's token.</param>
/// <param name="First">Position in the owner's lease of the first block that is listed; those before are there already.</param>
/// <param name="Blocks">Ids of the owner's blocks, in the order of the tokens.</param>
/// <param name="Layers">For writers: the model's indices of the layers that are wanted of this peer, ascending; empty if they cannot be
/// told apart.</param>
/// <param name="BytesPerLayer">For writers: bytes of one layer of one block that are wanted of this peer.</param>
internal sealed record KvAccessGroup(string Name, ulong Token, int First, int[] Blocks, int[] Layers, long BytesPerLayer)
{
    /// <summary>Of an offer with checksums: one of each of the reader's blocks of each layer that it gets, all blocks of the first layer first.</summary>
    public ulong[] Sums { get; init; } = [];
}
