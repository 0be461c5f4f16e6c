using System.Globalization;

namespace Nixl.Sdk.Serving;

/// <summary>What one peer keeps in quarantine.</summary>
/// <param name="Peer">The peer; the pool's owner for operations of our own.</param>
/// <param name="Leases">Leases that it may still touch.</param>
/// <param name="Blocks">Blocks of those; one that several leases share counts in each.</param>
/// <param name="Age">For how long the oldest has been in quarantine.</param>
public sealed record QuarantinedPeer(PeerIdentity Peer, int Leases, int Blocks, TimeSpan Age)
{
    /// <summary>As messages show it.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Peer} ({Blocks} blocks of {Leases} leases, the oldest for {Age.TotalSeconds:0.0} s)");
}
