using System.Buffers;

namespace Nixl.Sdk.Serving;

public abstract partial class KvReceive
{
    /// <summary>Compares what has come with the checksums of who has sent it. Counts and logs what differs, and, where the policy is to fail closed,
    /// fails.</summary>
    /// <param name="rank">Of the source.</param>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="run">Whole blocks of whole layers, within what is expected.</param>
    /// <param name="sums">Of each layer of the run each block.</param>
    /// <param name="different">Where to add the layers (ordinals) and blocks (positions) that are not what was sent.</param>
    /// <returns>What is wrong, if the policy is to fail closed; else null.</returns>
    /// <exception cref="ObjectDisposedException">The lease, the pool or the peer's pool was given up.</exception>
    private protected KvHandoverException? Compare(int rank, int group, in ArrivalRun run, ReadOnlySpan<ulong> sums, List<(int Layer, int Block)> different)
    {
        Connector.BeforeCompare?.Invoke(this, rank, run);
        var before = different.Count;
        var ours = ArrayPool<ulong>.Shared.Rent(sums.Length);
        try
        {
            Source.Ranks[rank].SumsOf(TransferOperation.Read, group).Compute(run.Layer, run.Layers, Leases[group].Blocks.Slice(run.Block, run.Blocks), ours.AsSpan(0, sums.Length));
            for (var i = 0; i < sums.Length; i++)
                if (ours[i] != sums[i]) different.Add((run.Layer + (i / run.Blocks), run.Block + (i % run.Blocks)));
        }
        finally
        {
            ArrayPool<ulong>.Shared.Return(ours);
        }
        var wrong = different.Count - before;
        var what = wrong == 0 ? null : Describe(rank, group, different[before], wrong, sums.Length);
        Connector.Compared(sums.Length, wrong, what);
        return what is null || Recomputes ? null : new KvHandoverException(KvOutcome.Corrupted, what) { Peer = Source.Ranks[rank].Remote.Name };
    }

    /// <summary>Whether a declaration is what can be compared: whole blocks of whole layers, of those that are expected.</summary>
    private protected bool IsWhole(int rank, int group, in ArrivalRun run)
    {
        var part = PartOf(rank, group);
        return run.Offset == 0 && run.Length == part.BytesPerLayer && Within(run.Layer, run.Layers, 0, part.LayerCount) &&
               Within(run.Block, run.Blocks, Leases[group].CachedBlocks, _request.Groups[group].PromptBlocks);

        static bool Within(int first, int count, int from, int to) => first >= from && count > 0 && first <= to && count <= to - first;
    }

    private protected ArrivalPart PartOf(int rank, int group) => Source.Plans[group].Parts[Source.PartOf(rank, group)];

    private string Describe(int rank, int group, (int Layer, int Block) first, int wrong, int compared)
    {
        var (part, peer) = (PartOf(rank, group), Source.Ranks[rank]);
        var at = new ArrivalGap(part.Source, part.Layers.Count == 0 ? -1 : part.Layers[first.Layer], first.Block, 1, 0, part.BytesPerLayer);
        return $"What came from '{peer.Remote.Name}' for '{Name}' is not what it had there: the checksum differs of group '{Source.Plans[group].Group}', {at} " +
               $"(block id {Leases[group].Blocks[first.Block]} of pool '{peer.Local.Name}' of '{peer.Local.Agent.Name}'); {wrong} of {compared} differ. " +
               (Recomputes ? "Those blocks are to be recomputed." : "Nothing of it is served. Request it anew; if it happens again, look at the memory and the network of both machines.");
    }
}
