using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Nixl.Sdk.Hosting;

/// <summary>
/// One agent as configuration describes it: section <c>Nixl:&lt;name&gt;</c>, then the delegates given to <c>AddNixl</c>. Checked when
/// the host starts.
/// </summary>
/// <remarks>Numbers and durations of 0 mean the default in brackets, as in <see cref="NixlAgentOptions"/>. Not thread-safe while being
/// filled; only read once the host has started.</remarks>
public sealed class NixlOptions
{
    /// <summary>Name of the agent towards its peers. [the name given to <c>AddNixl</c>]</summary>
    [Required]
    [RegularExpression(NixlAgentOptions.NamePattern, ErrorMessage = "Name must match " + NixlAgentOptions.NamePattern + ".")]
    public string Name { get; set; } = "";

    /// <summary>Transports that may be used, for example <c>Local, Fabric</c>. [All]</summary>
    public NixlTransports Transports { get; set; } = NixlTransports.All;

    /// <summary>IP address that the control listener of the fabric transport binds. [127.0.0.1]</summary>
    public string? ListenHost { get; set; }

    /// <summary>Address that peers are told. [<see cref="ListenHost"/>]</summary>
    public string? AdvertiseHost { get; set; }

    /// <summary>Port of the control listener. [0: chosen by the system]</summary>
    [Range(0, 65535)]
    public int ListenPort { get; set; }

    /// <summary>Transfers and notifications in flight. [4096]</summary>
    [Range(0, 1 << 20)]
    public int MaxTransfers { get; set; }

    /// <summary>Unread notifications per sending peer. [256]</summary>
    [Range(0, 1 << 16)]
    public int MaxNotifications { get; set; }

    /// <summary>Deadline of an operation that names none. [30 s]</summary>
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Silence after which a peer is suspect. [5 s]</summary>
    public TimeSpan SuspectAfter { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Time before quiescence is forced, after a missed deadline and when the host stops. [1 s]</summary>
    public TimeSpan QuiesceGrace { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Busy polling of the progress threads after the last event. [50 µs]</summary>
    public TimeSpan Spin { get; set; } = TimeSpan.FromMicroseconds(50);

    /// <summary>Bytes in flight per peer. [8 MiB]</summary>
    [Range(0, (double)long.MaxValue)]
    public long WindowBytes { get; set; }

    /// <summary>Operations in flight per peer. [256]</summary>
    [Range(0, 1 << 20)]
    public int WindowOperations { get; set; }

    /// <summary>Largest piece given to a transport at once, in bytes. [1 MiB]</summary>
    [Range(0, (double)long.MaxValue)]
    public long ChunkBytes { get; set; }

    /// <summary>Whether small pieces are gathered into few large writes: Auto, Never or Always. [Auto]</summary>
    public PackingMode Packing { get; set; }

    /// <summary>Pieces below this many bytes are packed. [by the provider's costs]</summary>
    [Range(0, (double)long.MaxValue)]
    public long PackingPieceBytes { get; set; }

    /// <summary>Staging memory for the packing of all connections, each way. [128 MiB]</summary>
    [Range(0, (double)long.MaxValue)]
    public long StagingBytes { get; set; }

    /// <summary>Threads that copy for peers on this machine, together. [cores / 8, at least 1, at most 4]</summary>
    [Range(0, 64)]
    public int CopierThreads { get; set; }

    /// <summary>Path or soname of libfabric. [a vendor's (EFA installer) if there is one, else libfabric.so.1]</summary>
    public string? FabricLibrary { get; set; }

    /// <summary>Provider to ask libfabric for. [the first that works here of efa, verbs;ofi_rxm and tcp;ofi_rxm]</summary>
    public string? FabricProvider { get; set; }

    /// <summary>Devices that are used at once: <c>auto</c>, <c>near:</c> and a GPU's PCI address or a NUMA node, or addresses and device names with commas between them. [one]</summary>
    public string? FabricRails { get; set; }

    /// <summary>How metadata is protected and how long it is valid.</summary>
    [Required]
    [ValidateObjectMembers]
    public NixlMetadataOptions Metadata { get; set; } = new();

    /// <summary>Leases and connector, for agents with producers or consumers.</summary>
    [Required]
    public NixlServingOptions Serving { get; set; } = new();

    /// <summary>Engines that the agent's pools are kept connected to by <c>AddKvPeers</c>: an engine's name to the agents of all its ranks. Where these are is the exchange's
    /// matter (<see cref="NixlExchangeOptions.Peers"/>).</summary>
    public Dictionary<string, string[]> Peers { get; } = new(StringComparer.Ordinal);

    /// <summary>The model whose cache the pools hold, for pools that name none themselves.</summary>
    [ValidateObjectMembers]
    public NixlModelOptions? Model { get; set; }

    /// <summary>The rank that this agent serves, for pools that name none themselves.</summary>
    [Required]
    [ValidateObjectMembers]
    public NixlParallelOptions Parallel { get; set; } = new();
}
