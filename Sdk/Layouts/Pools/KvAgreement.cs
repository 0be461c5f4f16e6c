using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>What a handshake found: where a peer's blocks lie and, if its placement is another one, what goes where.</summary>
/// <param name="Parallel">The peer's rank.</param>
/// <param name="Groups">The memory of the peer's groups, in the local layout's order.</param>
/// <param name="Write">From this rank to the peer's; null between equal placements, where pieces correspond as they are.</param>
/// <param name="Read">From the peer's rank to this one; null between equal placements.</param>
internal sealed record KvAgreement(KvParallel Parallel, KvGroupMemory[] Groups, ReshardRoute? Write, ReshardRoute? Read);
