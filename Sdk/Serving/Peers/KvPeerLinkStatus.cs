namespace Nixl.Sdk.Serving;

/// <summary>How a link stands, at one moment.</summary>
/// <param name="State">The state.</param>
/// <param name="ConnectedRanks">Ranks that are connected now.</param>
/// <param name="Ranks">Ranks of the engine.</param>
/// <param name="Attempts">Attempts to connect a rank, since the beginning, of all ranks together.</param>
/// <param name="Losses">Connected ranks that were lost, since the beginning.</param>
/// <param name="LastFailure">Why the last attempt failed or the last rank was lost, while something is wrong; null while connected.</param>
public sealed record KvPeerLinkStatus(
    KvPeerLinkState State, int ConnectedRanks, int Ranks, long Attempts, long Losses, Exception? LastFailure)
{
    /// <summary>One line for logs and health pages.</summary>
    public override string ToString() =>
        $"{State}, {ConnectedRanks} of {Ranks} ranks, {Attempts} attempts, {Losses} losses{(LastFailure is null ? "" : $": {LastFailure.Message}")}";
}
