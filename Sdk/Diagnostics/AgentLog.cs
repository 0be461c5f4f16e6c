using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Diagnostics;

/// <summary>Everything that an agent logs, in one file. Event ids are stable.</summary>
internal sealed partial class AgentLog(ILogger logger, string agent)
{
    private const int SmallPiece = 4096;

    private readonly ILogger _logger = logger;

    public void Started(ulong incarnation, NixlTransports transports) => Started(agent, incarnation, transports);

    /// <summary>Which libfabric and provider were chosen, and why.</summary>
    public void Fabric(NixlAgent of)
    {
        if ((of.AvailableTransports & NixlTransports.Fabric) == 0 || !_logger.IsEnabled(LogLevel.Information)) return;
        foreach (var transport in of.GetInfo().Transports)
        {
            if (transport.Transport == "fabric")
                FabricChosen(agent, transport.Provider, transport.ProviderReason, transport.Library, transport.LibraryFile, transport.LibraryReason);
        }
    }

    public void Stopped() => Stopped(agent);

    public void StoppedByForce(NixlStatus status, int operations) => StoppedByForce(agent, status, operations);

    public void Connected(RemoteAgent peer) => Connected(
        agent, peer.Name, peer.Incarnation, peer.Transport, peer.Provider, peer.TransportVersion, peer.Reason);

    public void SlowTransport(RemoteAgent peer, string why) => SlowTransport(agent, peer.Name, peer.Transport, peer.Provider, why);

    public void PeerChanged(RemoteAgent peer, PeerState state, string reason) => PeerChanged(agent, peer.Name, state, reason);

    public void PeerLost(RemoteAgent peer, PeerState state, string reason) => PeerLost(agent, peer.Name, state, reason);

    public void ReleaseFailed(string what, ulong id, NixlStatus status, string text) => ReleaseFailed(agent, what, id, status, text);

    public void PumpWaitFailed(NixlStatus status) => PumpWaitFailed(agent, status);

    public void HandlerFailed(Exception exception) => HandlerFailed(exception, agent);

    public void DispatchFailed(Exception exception) => DispatchFailed(exception, agent);

    public void ChecksumsDiffer(string what) => ChecksumsDiffer(agent, what);

    public void LinkChanged(Serving.KvPeerLink link, Serving.KvPeerLinkStatus status)
    {
        if (status.State is Serving.KvPeerLinkState.Lost or Serving.KvPeerLinkState.Refused or Serving.KvPeerLinkState.Suspect)
            LinkTroubled(status.LastFailure, link, status.State);
        else
            LinkChanged(link, status.State, status.ConnectedRanks, status.Ranks, status.Attempts);
    }

    public void LinkHandlerFailed(Exception exception) => LinkHandlerFailed(exception, agent);

    /// <summary>Says how a pool with another placement is written to; small pieces are slow, which is never silent.</summary>
    public void Resharded(KvPool pool, RemoteAgent peer, string remotePool, Planning.ReshardRoute route)
    {
        foreach (var group in route.Groups)
        {
            if (group.Pieces.Count == 0)
                NothingToWrite(agent, pool.Name, remotePool, peer.Name, group.Name);
            else if (group.BytesPerUnit / group.Pieces.Count < SmallPiece)
                ReshardedSmall(agent, pool.Name, remotePool, peer.Name, group.Name, group.PiecesPerTargetBlock, group.BytesPerTargetBlock, group.BytesPerUnit / group.Pieces.Count);
            else
                Resharded(agent, pool.Name, remotePool, peer.Name, group.Name, group.PiecesPerTargetBlock, group.BytesPerTargetBlock);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Agent {Agent} started, incarnation {Incarnation:x16}, transports {Transports}")]
    private partial void Started(string agent, ulong incarnation, NixlTransports transports);

    [LoggerMessage(15, LogLevel.Information, "Agent {Agent} uses provider {Provider}: {ProviderReason}; {Library} in {File}: {LibraryReason}")]
    private partial void FabricChosen(string agent, string? provider, string? providerReason, string? library, string? file, string? libraryReason);

    [LoggerMessage(2, LogLevel.Information, "Agent {Agent} stopped")]
    private partial void Stopped(string agent);

    [LoggerMessage(3, LogLevel.Warning,
        "Agent {Agent} stopped by force ({Status}): {Operations} operations had not quiesced within the grace time")]
    private partial void StoppedByForce(string agent, NixlStatus status, int operations);

    [LoggerMessage(4, LogLevel.Information,
        "Agent {Agent} connected to {Peer} ({Incarnation:x16}) over {Transport} [{Provider}, {Version}]: {Reason}")]
    private partial void Connected(
        string agent, string peer, ulong incarnation, NixlTransports transport, string provider, string version, string reason);

    [LoggerMessage(5, LogLevel.Warning, "Agent {Agent} reaches {Peer} only over a slow transport, {Transport} [{Provider}]: {Why}")]
    private partial void SlowTransport(string agent, string peer, NixlTransports transport, string provider, string why);

    [LoggerMessage(6, LogLevel.Information, "Agent {Agent}: peer {Peer} is {State}: {Reason}")]
    private partial void PeerChanged(string agent, string peer, PeerState state, string reason);

    [LoggerMessage(7, LogLevel.Warning, "Agent {Agent}: peer {Peer} is {State}: {Reason}")]
    private partial void PeerLost(string agent, string peer, PeerState state, string reason);

    [LoggerMessage(8, LogLevel.Warning, "Agent {Agent}: {What} {Id:x} was not released ({Status}): {Text}")]
    private partial void ReleaseFailed(string agent, string what, ulong id, NixlStatus status, string text);

    [LoggerMessage(9, LogLevel.Error, "Agent {Agent}: waiting for completions failed ({Status})")]
    private partial void PumpWaitFailed(string agent, NixlStatus status);

    [LoggerMessage(10, LogLevel.Error, "Agent {Agent}: a handler of PeerStateChanged threw")]
    private partial void HandlerFailed(Exception exception, string agent);

    [LoggerMessage(11, LogLevel.Critical, "Agent {Agent}: an event could not be dispatched")]
    private partial void DispatchFailed(Exception exception, string agent);

    [LoggerMessage(12, LogLevel.Information,
        "Agent {Agent}: pool {Pool} is written to pool {RemotePool} of {Peer} in another placement; group {Group}: {Pieces} pieces, {Bytes} bytes per block")]
    private partial void Resharded(string agent, string pool, string remotePool, string peer, string group, long pieces, long bytes);

    [LoggerMessage(13, LogLevel.Warning,
        "Agent {Agent}: pool {Pool} is written to pool {RemotePool} of {Peer} in small pieces, because the placements differ; group {Group}: {Pieces} pieces of {PieceBytes} bytes on average, {Bytes} bytes per block. Orders with heads outside tokens keep pieces whole between tensor-parallel sizes")]
    private partial void ReshardedSmall(string agent, string pool, string remotePool, string peer, string group, long pieces, long bytes, long pieceBytes);

    [LoggerMessage(14, LogLevel.Information,
        "Agent {Agent}: pool {Pool} has nothing to write to pool {RemotePool} of {Peer}, group {Group}: another rank gives it")]
    private partial void NothingToWrite(string agent, string pool, string remotePool, string peer, string group);

    [LoggerMessage(16, LogLevel.Information, "{Link} is {State}: {Connected} of {Ranks} ranks, {Attempts} attempts")]
    private partial void LinkChanged(Serving.KvPeerLink link, Serving.KvPeerLinkState state, int connected, int ranks, long attempts);

    [LoggerMessage(17, LogLevel.Warning, "{Link} is {State}")]
    private partial void LinkTroubled(Exception? exception, Serving.KvPeerLink link, Serving.KvPeerLinkState state);

    [LoggerMessage(18, LogLevel.Error, "Agent {Agent}: a handler of a link's Changed threw")]
    private partial void LinkHandlerFailed(Exception exception, string agent);

    [LoggerMessage(19, LogLevel.Error, "Agent {Agent}: {What}")]
    private partial void ChecksumsDiffer(string agent, string what);
}
