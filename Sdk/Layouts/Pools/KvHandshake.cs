using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// Decides whether blocks of a local pool and of a peer's can be exchanged, and where the peer's lie. Nothing that the peer says is
/// believed without a check: its text is parsed anew, its hashes are computed anew, and its tensors must hold its blocks.
/// </summary>
internal static class KvHandshake
{
    /// <returns>The memory of the peer's groups, in the local schema's order.</returns>
    /// <exception cref="LayoutMismatchException">The content differs.</exception>
    /// <exception cref="NotSupportedException">Only the placement differs, which is not planned yet.</exception>
    /// <exception cref="MetadataException">The advertisement contradicts itself.</exception>
    public static KvGroupMemory[] Agree(KvPool local, string peer, PoolAdvertisement remote)
    {
        var theirs = LayoutTextParser.Parse(remote.CanonicalText, out var error) ?? throw Unusable(peer, remote, $"its layout cannot be read: {error}");
        var parallel = new KvParallel(remote.Tp, remote.TpRank, remote.Pp, remote.PpRank);
        var fingerprint = LayoutFingerprint.Of(theirs, parallel);
        if (!fingerprint.Content.ToByteArray().AsSpan().SequenceEqual(remote.ContentHash.Span) ||
            !fingerprint.Placement.ToByteArray().AsSpan().SequenceEqual(remote.PlacementHash.Span))
        {
            throw Unusable(peer, remote, "its fingerprint does not belong to its layout");
        }

        var differences = SchemaDiff.Compare(local.Model, remote.Model)
            .Concat(SchemaDiff.Compare(local.Plan.Schema, local.Parallel, theirs, parallel)).ToList();
        var content = differences.Where(difference => difference.IsContent).ToArray();
        if (content.Length > 0)
            throw new LayoutMismatchException(local.Agent.Name, local.Name, peer, remote.Name, [.. content], local.CanonicalText, remote.CanonicalText);

        if (remote.Groups.Count != local.Groups.Length) throw Unusable(peer, remote, $"it lists {remote.Groups.Count} groups and its layout has {local.Groups.Length}");
        for (var i = 0; i < local.Groups.Length; i++)
        {
            var (here, there) = (local.Groups[i].PhysicalBlocksPerBlock, remote.Groups[i].PhysicalBlocksPerBlock);
            if (here != there)
                differences.Add(new SchemaDifference($"{remote.Groups[i].Name}.physical blocks per block", $"{here}", $"{there}", IsContent: false));
        }
        if (differences.Count > 0)
        {
            throw new NotSupportedException(
                $"Pool '{local.Name}' of agent '{local.Agent.Name}' and pool '{remote.Name}' of agent '{peer}' hold the same content in different places, " +
                $"and this release moves blocks only between equal placements. Differing fields: {string.Join("; ", differences)}.");
        }
        // Equal fields make equal texts; if not, something in the peer's text has no field of its own to be named by.
        return fingerprint == local.Fingerprint
            ? Locate(local, peer, remote, parallel)
            : throw Unusable(peer, remote, $"its fingerprint is {fingerprint} and this side's {local.Fingerprint}, though no field differs");
    }

    /// <summary>The schemas are equal here, so the local one plans the peer's memory.</summary>
    private static KvGroupMemory[] Locate(KvPool local, string peer, PoolAdvertisement remote, KvParallel parallel)
    {
        KvPlan plan;
        try
        {
            var physical = remote.Groups.Select(group => checked(group.Blocks * group.PhysicalBlocksPerBlock)).ToArray();
            plan = KvPlan.Create(local.Plan.Schema, parallel, [.. physical]);
        }
        catch (OverflowException)
        {
            throw Unusable(peer, remote, "it claims more blocks than memory can hold");
        }

        var groups = new KvGroupMemory[plan.Groups.Count];
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = KvGroupMemory.TryCreate(plan.Groups[i], remote.Groups[i].PhysicalBlocksPerBlock, remote.Groups[i].Tensors, out var problem)
                        ?? throw Unusable(peer, remote, problem!);
        }
        return KvGroupMemory.FindOverlap(groups) is { } overlap ? throw Unusable(peer, remote, overlap) : groups;
    }

    private static MetadataException Unusable(string peer, PoolAdvertisement remote, string what) =>
        new(NixlStatus.Mismatch, $"Pool '{remote.Name}' that agent '{peer}' advertises cannot be used: {what}.") { Peer = peer };
}
