using Nixl.Sdk.Interop;
using Nixl.Sdk.Metadata;

namespace Nixl.Sdk;

/// <summary>
/// A peer that this agent has connected to: one incarnation of a named agent. Made by <see cref="NixlAgent.ConnectAsync"/>. A restarted
/// peer is another <see cref="RemoteAgent"/>; everything prepared for the old one answers <see cref="StalePeerException"/>.
/// </summary>
/// <remarks>Thread-safe. Owns nothing; it ends with <see cref="NixlAgent.Invalidate"/> or with the agent.</remarks>
public sealed class RemoteAgent
{
    private const int MaxRails = 64; // more than a transport has
    private volatile int _state = (int)PeerState.Connecting;
    private volatile PeerDetails _details = PeerDetails.Unknown;
    private volatile AgentMetadata? _metadata;

    internal RemoteAgent(AgentRuntime runtime, ulong id, string name, ulong incarnation)
    {
        Runtime = runtime;
        Id = id;
        Name = name;
        Incarnation = incarnation;
    }

    /// <summary>The peer's name.</summary>
    public string Name { get; }

    /// <summary>Random number that the peer drew at its start.</summary>
    public ulong Incarnation { get; }

    /// <summary>The transport in use.</summary>
    public NixlTransports Transport => _details.Transport;

    /// <summary>The transport's library and version.</summary>
    public string TransportVersion => _details.TransportVersion;

    /// <summary>The provider within the transport, for example <c>tcp;ofi_rxm</c> or <c>memfd</c>.</summary>
    public string Provider => _details.Provider;

    /// <summary>Why this transport and not a cheaper one; or why the peer is gone.</summary>
    public string Reason => _details.Reason;

    /// <summary>Process id, if the peer is on this machine; else 0.</summary>
    public long ProcessId => _details.ProcessId;

    /// <summary>The peer's state as last reported.</summary>
    public PeerState State => (PeerState)_state;

    /// <summary>
    /// The rails of the connection (<see cref="NixlAgentOptions.FabricRails"/>), read now; empty where the transport has none or the agent
    /// is closed.
    /// </summary>
    public unsafe IReadOnlyList<Rail> Rails
    {
        get
        {
            if (!Runtime.Gate.TryEnter())
                return [];
            try
            {
                var native = new NativeRailInfo[MaxRails];
                var rails = new Rail[Runtime.Core.ReadRails(Id, native)];
                for (var i = 0; i < rails.Length; i++)
                {
                    fixed (NativeRailInfo* r = &native[i])
                        rails[i] = new Rail(
                            (int)r->Rail,
                            (RailState)r->State,
                            NativeText.Read(r->Device, 64),
                            (long)r->WrittenBytes,
                            (long)r->ReadBytes,
                            (long)r->Operations,
                            (long)r->Repeated,
                            (long)r->Losses);
                }
                return rails;
            }
            finally
            {
                Runtime.Gate.Exit();
            }
        }
    }

    /// <summary>The metadata that it was last connected with: its pools above all.</summary>
    public AgentMetadata Metadata
    {
        get => _metadata ?? throw new InvalidOperationException($"Still connecting to '{Name}'.");
        internal set => _metadata = value;
    }

    /// <summary>Whether a connect has succeeded.</summary>
    internal bool HasMetadata => _metadata is not null;

    /// <summary>Handle of the core. 0 until connected.</summary>
    internal ulong Id { get; }

    internal AgentRuntime Runtime { get; }

    /// <summary>Name and incarnation, as messages show them.</summary>
    public override string ToString() => $"{Name}#{Incarnation:x16} ({State}, {Transport})";

    /// <summary>Reads state and details from the core. Any thread; the caller is inside the gate or on the pump.</summary>
    internal unsafe void Refresh()
    {
        NativePeerInfo info = default;
        if (Runtime.Core.PeerInfo(Id, ref info) < 0)
            return;
        _details = new PeerDetails(
            (NixlTransports)info.Transport,
            NativeText.Read(info.TransportVersion, 64),
            NativeText.Read(info.Provider, 64),
            NativeText.Read(info.Reason, NativeConstants.TextMax),
            (long)info.ProcessId);
        SetState((PeerState)info.State);
    }

    /// <summary>Final states stay.</summary>
    internal void SetState(PeerState state)
    {
        if (State is not (PeerState.Invalidated or PeerState.Disconnected) || state == PeerState.Invalidated)
            _state = (int)state;
    }

    /// <summary>Immutable, so that a reader never sees the transport of one reading with the reason of another.</summary>
    private sealed record PeerDetails(
        NixlTransports Transport, string TransportVersion, string Provider, string Reason, long ProcessId)
    {
        public static readonly PeerDetails Unknown = new(NixlTransports.None, "", "", "", 0);
    }
}
