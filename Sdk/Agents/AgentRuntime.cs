using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Nixl.Sdk.Diagnostics;
using Nixl.Sdk.Interop;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk;

/// <summary>
/// The machinery that an agent's objects share: core, gate, slots, pump, log. <see cref="NixlAgent"/> is the public face of it.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class AgentRuntime
{
    private readonly ConcurrentDictionary<ulong, RemoteAgent> _peers = new();
    private readonly ConcurrentDictionary<ulong, RegionHandle> _regions = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PeerChangeQueue _changes;
    private int _inFlight;

    public AgentRuntime(NixlAgentOptions options, AgentCore core, ulong incarnation)
    {
        Options = options;
        MetadataOptions = new MetadataOptions
        {
            Key = options.Metadata.Key,
            Lifetime = options.Metadata.Lifetime,
            ClockSkew = options.Metadata.ClockSkew,
            Audience = options.Metadata.Audience,
            MaxBytes = options.Metadata.MaxBytes,
            TimeProvider = options.Metadata.TimeProvider == TimeProvider.System ? options.TimeProvider : options.Metadata.TimeProvider,
        };
        Core = core;
        Incarnation = incarnation;
        Gate = new AgentGate(options.Name);
        Handle = new AgentHandle(core, options.QuiesceGrace);
        var factory = options.LoggerFactory ?? NullLoggerFactory.Instance;
        Log = new AgentLog(factory.CreateLogger<NixlAgent>(), options.Name);
        _changes = new PeerChangeQueue(Log);
        Pump = new CompletionPump(this);
    }

    public NixlAgentOptions Options { get; }

    public string Name => Options.Name;

    /// <summary>As given, on the agent's clock.</summary>
    public MetadataOptions MetadataOptions { get; }

    public ulong Incarnation { get; }

    public AgentCore Core { get; }

    public AgentGate Gate { get; }

    public AgentHandle Handle { get; }

    public AgentLog Log { get; }

    public CompletionPump Pump { get; }

    public OperationTable Operations { get; } = new();

    public ArrivalSignal Arrivals { get; } = new();

    public PeerChangeQueue Changes => _changes;

    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>A slot begins. Its end is <see cref="OperationEnded"/>.</summary>
    public void OperationStarting() => Interlocked.Increment(ref _inFlight);

    public void OperationEnded()
    {
        if (Interlocked.Decrement(ref _inFlight) == 0 && Gate.IsClosing)
            _idle.TrySetResult();
    }

    /// <summary>Completes when nothing is in flight. Only while closing, when no operation can start any more.</summary>
    public Task WhenIdle()
    {
        if (InFlight == 0)
            _idle.TrySetResult();
        return _idle.Task;
    }

    public void Remember(RegionHandle region) => _regions[region.Id] = region;

    public void Forget(RegionHandle region) => _regions.TryRemove(region.Id, out _);

    public RegionHandle? FindRegion(ulong id) => _regions.GetValueOrDefault(id);

    /// <summary>The object of a peer id; made on first sight. Inside the gate.</summary>
    public unsafe RemoteAgent GetPeer(ulong id)
    {
        if (_peers.TryGetValue(id, out var known))
            return known;
        NativePeerInfo info = default;
        var status = Core.PeerInfo(id, ref info);
        if (status < 0)
            throw Core.Failure(status, "asking for a peer");
        var peer = new RemoteAgent(this, id, NativeText.Read(info.Name, NativeConstants.NameMax + 8), info.Incarnation);
        peer.Refresh();
        return _peers.GetOrAdd(id, peer);
    }

    /// <summary>The peer that sent a notification, if this agent is connected to it.</summary>
    public RemoteAgent? FindPeer(string name, ulong incarnation)
    {
        RemoteAgent? gone = null;
        foreach (var peer in _peers.Values)
        {
            if (peer.Incarnation != incarnation || peer.Name != name) continue;
            // The connection may have broken and been made anew: then the same incarnation is there twice.
            if (peer.State is not (PeerState.Disconnected or PeerState.Invalidated)) return peer;
            gone = peer;
        }
        return gone;
    }

    /// <summary>A connect has failed. A peer that has ended without ever being connected is of no use to anybody.</summary>
    public void ForgetFailed(RemoteAgent peer)
    {
        if (!Gate.TryEnter()) return;
        try
        {
            peer.Refresh();
        }
        finally
        {
            Gate.Exit();
        }
        if (!peer.HasMetadata && peer.State is PeerState.Disconnected or PeerState.Invalidated) _peers.TryRemove(new(peer.Id, peer));
    }

    /// <summary>A new incarnation has invalidated the earlier ones of the same name.</summary>
    public void RefreshNamesakes(RemoteAgent current)
    {
        foreach (var peer in _peers.Values)
        {
            if (peer != current && peer.Name == current.Name && peer.Incarnation != current.Incarnation)
                peer.SetState(PeerState.Invalidated);
        }
    }

    /// <summary>Pump thread. An event must not end the pump, whatever happens.</summary>
    public void Dispatch(in NativeEvent e)
    {
        try
        {
            if (e.Kind == (uint)NativeEventKind.PeerState)
                OnPeerState(e);
            else if (e.Kind == (uint)NativeEventKind.PeerConnected)
                Operations.Dispatch(e with { Flags = (uint)(NativeEventFlags.Outcome | NativeEventFlags.Quiesced) });
            else
                Operations.Dispatch(e);
        }
#pragma warning disable CA1031 // A pump that ends silently would hang every later await.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Log.DispatchFailed(exception);
        }
    }

    /// <summary>All slots reach both ends. The core is destroyed and the pump has stopped.</summary>
    public void CloseOperations()
    {
        foreach (var slot in Operations.Snapshot())
            slot.OnCoreClosed();
        foreach (var peer in _peers.Values)
            peer.SetState(PeerState.Disconnected);
        _peers.Clear();
        _regions.Clear();
    }

    private void OnPeerState(in NativeEvent e)
    {
        if (!_peers.TryGetValue(e.Peer, out var peer))
            return;
        peer.Refresh();
        var (state, reason) = (peer.State, peer.Reason);
        if (state is PeerState.Connected or PeerState.Connecting)
            Log.PeerChanged(peer, state, reason);
        else
            Log.PeerLost(peer, state, reason);
        if (state is PeerState.Disconnected or PeerState.Invalidated)
            _peers.TryRemove(e.Peer, out _); // final, and told below: whoever has it keeps it
        _changes.Add(new PeerStateChangedEventArgs(peer, state, reason));
    }
}
