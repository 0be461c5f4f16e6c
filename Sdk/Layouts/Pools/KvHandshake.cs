using Nixl.Sdk.Metadata;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// Decides whether blocks of a local pool and of a peer's can be exchanged, and where the peer's lie. Nothing that the peer says is
/// believed without a check: its text is parsed anew, its hashes are computed anew, and its tensors must hold its blocks.
/// </summary>
internal static class KvHandshake
{
    /// <exception cref="LayoutMismatchException">The content differs.</exception>
    /// <exception cref="NotSupportedException">The placements differ in a way that cannot be mapped.</exception>
    /// <exception cref="MetadataException">The advertisement contradicts itself.</exception>
    public static KvAgreement Agree(KvPool local, string peer, PoolAdvertisement remote)
    {
        var theirs = LayoutTextParser.Parse(remote.CanonicalText, out var error) ?? throw Unusable(peer, remote, $"its layout cannot be read: {error}");
        var parallel = new KvParallel(remote.Tp, remote.TpRank, remote.Pp, remote.PpRank);
        CheckHashes(peer, remote, theirs, parallel);

        var differences = SchemaDiff.Compare(local.Model, remote.Model)
            .Concat(SchemaDiff.Compare(local.Plan.Schema, local.Parallel, theirs, parallel)).ToList();
        var content = differences.Where(difference => difference.IsContent).ToArray();
        if (content.Length > 0)
        {
            throw new LayoutMismatchException(
                new LayoutSide(local.Agent.Name, local.Name, local.Model, local.CanonicalText), new LayoutSide(peer, remote.Name, remote.Model, remote.CanonicalText), [.. content]);
        }

        var groups = Locate(peer, remote, theirs, parallel, out var plan);
        // The same content has the same names, so each local group has its counterpart; the peer may have declared them in another order.
        var ordered = local.Plan.Schema.Groups.Select(group => groups[theirs.IndexOfGroup(group.Name)]).ToArray();
        for (var i = 0; i < ordered.Length; i++)
        {
            var (here, there) = (local.Groups[i].PhysicalBlocksPerBlock, ordered[i].PhysicalBlocksPerBlock);
            if (here != there)
                differences.Add(new SchemaDifference($"{local.Plan.Schema.Groups[i].Name}.physical blocks per block", $"{here}", $"{there}", IsContent: false));
            else if (differences.Count == 0 && !local.Groups[i].Regions.Select(region => region.Length).SequenceEqual(ordered[i].Regions.Select(region => region.Length)))
            {
                // Page strides may differ; but physical blocks that touch on one side only make other pieces there.
                var (ours, its) = (local.Groups[i].Regions.Length, ordered[i].Regions.Length);
                differences.Add(new SchemaDifference($"{local.Plan.Schema.Groups[i].Name}.pieces per block", $"{ours}", $"{its}", IsContent: false));
            }
        }
        if (differences.Count == 0)
        {
            // Equal fields make equal texts; if not, something in the peer's text has no field of its own to be named by.
            var fingerprint = LayoutFingerprint.Of(theirs, parallel);
            return fingerprint == local.Fingerprint
                ? new KvAgreement(parallel, ordered, null, null)
                : throw Unusable(peer, remote, $"its fingerprint is {fingerprint} and this side's {local.Fingerprint}, though no field differs");
        }
        try
        {
            return new KvAgreement(parallel, ordered, Route(local.Plan, plan), Route(plan, local.Plan));
        }
        catch (NotSupportedException reason)
        {
            throw new NotSupportedException(
                $"Pool '{local.Name}' of agent '{local.Agent.Name}' and pool '{remote.Name}' of agent '{peer}' hold the same content in places between which it cannot be moved. " +
                $"{reason.Message} Differing fields: {string.Join("; ", differences)}.", reason);
        }
    }

    private static void CheckHashes(string peer, PoolAdvertisement remote, KvSchema theirs, KvParallel parallel)
    {
        var fingerprint = LayoutFingerprint.Of(theirs, parallel);
        if (!fingerprint.Content.ToByteArray().AsSpan().SequenceEqual(remote.ContentHash.Span) ||
            !fingerprint.Placement.ToByteArray().AsSpan().SequenceEqual(remote.PlacementHash.Span))
        {
            throw Unusable(peer, remote, "its fingerprint does not belong to its layout");
        }
        if (remote.Groups.Count != theirs.Groups.Count) throw Unusable(peer, remote, $"it lists {remote.Groups.Count} groups and its layout has {theirs.Groups.Count}");
        for (var i = 0; i < theirs.Groups.Count; i++)
        {
            var group = remote.Groups[i];
            if (group.Name != theirs.Groups[i].Name) throw Unusable(peer, remote, $"it lists group '{group.Name}' where its layout has '{theirs.Groups[i].Name}'");
            if (group.ComponentHashes.Count == 0) continue; // an older release, which did not send them
            var hashes = LayoutFingerprint.OfComponents(theirs.Groups[i]);
            if (hashes.Count != group.ComponentHashes.Count || !hashes.Zip(group.ComponentHashes).All(pair => pair.First == pair.Second))
                throw Unusable(peer, remote, $"the hashes of the components of group '{group.Name}' do not belong to its layout");
        }
    }

    /// <summary>Plans the peer's memory from what it says, and checks that its tensors hold it.</summary>
    private static KvGroupMemory[] Locate(string peer, PoolAdvertisement remote, KvSchema theirs, KvParallel parallel, out KvPlan plan)
    {
        try
        {
            var physical = remote.Groups.Select(group => checked(group.Blocks * group.PhysicalBlocksPerBlock)).ToArray();
            plan = KvPlan.Create(theirs, parallel, [.. physical]);
        }
        catch (OverflowException)
        {
            throw Unusable(peer, remote, "it claims more blocks than memory can hold");
        }
        catch (ArgumentException reason)
        {
            throw Unusable(peer, remote, reason.Message);
        }

        var groups = new KvGroupMemory[plan.Groups.Count];
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = KvGroupMemory.TryCreate(plan.Groups[i], remote.Groups[i].PhysicalBlocksPerBlock, remote.Groups[i].Tensors, out var problem)
                        ?? throw Unusable(peer, remote, problem!);
        }
        return KvGroupMemory.FindOverlap(groups) is { } overlap ? throw Unusable(peer, remote, overlap) : groups;
    }

    /// <summary>What one rank gives the other, with the proof that it and its fellow ranks give everything exactly once.</summary>
    private static ReshardRoute Route(KvPlan source, KvPlan target) =>
        new ReshardPlanner(source.Schema, source.Parallel.Tp, source.Parallel.Pp, target.Schema).RouteTo(target, source);

    private static MetadataException Unusable(string peer, PoolAdvertisement remote, string what) =>
        new(NixlStatus.Mismatch, $"Pool '{remote.Name}' that agent '{peer}' advertises cannot be used: {what}.") { Peer = peer };
}
