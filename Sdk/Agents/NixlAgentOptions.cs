using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk;

/// <summary>How an agent starts. Read once by <see cref="NixlAgent.CreateAsync"/>; later changes have no effect.</summary>
/// <remarks>Numbers and durations of 0 mean the default in brackets. Not thread-safe while being filled.</remarks>
public sealed class NixlAgentOptions
{
    /// <summary>What a name may look like: it becomes a key and a file name.</summary>
    public const string NamePattern = "^[A-Za-z0-9._-]{1,128}$";

    /// <summary>Name of the agent, unique among the agents that talk to each other. Required; [A-Za-z0-9._-]{1,128}.</summary>
    [Required]
    [RegularExpression(NamePattern)]
    public string Name { get; set; } = "";

    /// <summary>Transports that may be used. [all]</summary>
    public NixlTransports Transports { get; set; } = NixlTransports.All;

    /// <summary>IP address that the control listener of the fabric transport binds. [127.0.0.1]</summary>
    public string? ListenHost { get; set; }

    /// <summary>Address that peers are told. [<see cref="ListenHost"/>; required if that is a wildcard]</summary>
    public string? AdvertiseHost { get; set; }

    /// <summary>Port of the control listener. [0: chosen by the system]</summary>
    [Range(0, 65535)]
    public int ListenPort { get; set; }

    /// <summary>Transfers and notifications in flight per agent. [4096]</summary>
    [Range(0, 1 << 20)]
    public int MaxTransfers { get; set; }

    /// <summary>Notifications that each sending peer may have unread here before its posts wait. [256]</summary>
    [Range(0, 1 << 16)]
    public int MaxNotifications { get; set; }

    /// <summary>Deadline of an operation that names none. [30 s]</summary>
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Silence after which a peer is <see cref="PeerState.Suspect"/>. [5 s]</summary>
    public TimeSpan SuspectAfter { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Time after a missed deadline (or on dispose) before quiescence is forced by closing the connection. [1 s]</summary>
    public TimeSpan QuiesceGrace { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Busy polling of the progress threads after the last event, and of <see cref="NixlAgent.WaitForNotificationAsync"/> before it
    /// suspends. [50 µs]
    /// </summary>
    public TimeSpan Spin { get; set; } = TimeSpan.FromMicroseconds(50);

    /// <summary>Bytes in flight per peer. [8 MiB]</summary>
    [Range(0L, long.MaxValue)]
    public long WindowBytes { get; set; }

    /// <summary>Operations in flight per peer. [256]</summary>
    [Range(0, 1 << 20)]
    public int WindowOperations { get; set; }

    /// <summary>Largest piece given to a transport at once, in bytes. [1 MiB]</summary>
    [Range(0L, long.MaxValue)]
    public long ChunkBytes { get; set; }

    /// <summary>Whether small pieces are gathered into few large writes. [<see cref="PackingMode.Auto"/>]</summary>
    public PackingMode Packing { get; set; }

    /// <summary>Pieces below this many bytes are packed. [by the provider's costs]</summary>
    [Range(0L, long.MaxValue)]
    public long PackingPieceBytes { get; set; }

    /// <summary>Staging memory for the packing of all connections, each way; where it is used up, pieces go one by one. [128 MiB]</summary>
    [Range(0L, long.MaxValue)]
    public long StagingBytes { get; set; }

    /// <summary>Threads that copy for peers on this machine, together. [cores / 8, at least 1, at most 4]</summary>
    [Range(0, 64)]
    public int CopierThreads { get; set; }

    /// <summary>Path or soname of libfabric. [a vendor's (EFA installer) if there is one, else libfabric.so.1]</summary>
    public string? FabricLibrary { get; set; }

    /// <summary>Provider to ask libfabric for, for example <c>efa</c> or <c>verbs;ofi_rxm</c>. [the first that works here of efa, verbs;ofi_rxm and tcp;ofi_rxm]</summary>
    public string? FabricProvider { get; set; }

    /// <summary>
    /// Devices that are used at once: <c>auto</c> for every device of the provider; <c>near:0000:53:00.0</c> or <c>near:node1</c> for those
    /// nearest to a GPU (its PCI address) or a NUMA node, which is what an engine with one GPU wants; or IP addresses and device names
    /// with commas between them, for example <c>10.0.0.1,10.1.0.1</c>. Large writes are split over them, small ones alternate; one that dies is dropped and
    /// its work repeated on the others. [one]
    /// </summary>
    public string? FabricRails { get; set; }

    /// <summary>Key, lifetime and limits of the metadata that is exported and loaded. [no key, no expiry]</summary>
    public MetadataOptions Metadata { get; set; } = new();

    /// <summary>Clock of everything managed. [<see cref="TimeProvider.System"/>] The native core has the monotonic clock.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Where the agent logs. [nowhere]</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>For unit tests: an in-process fake instead of the native library. [null: native]</summary>
    public FakeTransport? Transport { get; set; }

    /// <summary>Checks everything and returns all problems, each a sentence that names the option; empty if there are none.</summary>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (!IsValidName(Name))
            problems.Add($"{nameof(Name)} '{Name}' must match {NamePattern}: letters, digits, '.', '_' and '-', 1 to 128 of them.");
        if ((Transports & NixlTransports.All) == 0 || (Transports & ~NixlTransports.All) != 0)
            problems.Add($"{nameof(Transports)} '{Transports}' must be one or more of {NixlTransports.All}.");
        InRange(nameof(ListenPort), ListenPort, 0, 65535);
        InRange(nameof(MaxTransfers), MaxTransfers, 0, 1 << 20);
        InRange(nameof(MaxNotifications), MaxNotifications, 0, 1 << 16);
        InRange(nameof(WindowOperations), WindowOperations, 0, 1 << 20);
        InRange(nameof(WindowBytes), WindowBytes, 0, long.MaxValue);
        InRange(nameof(ChunkBytes), ChunkBytes, 0, long.MaxValue);
        InRange(nameof(Packing), (long)Packing, (long)PackingMode.Auto, (long)PackingMode.Always);
        InRange(nameof(PackingPieceBytes), PackingPieceBytes, 0, long.MaxValue);
        InRange(nameof(StagingBytes), StagingBytes, 0, long.MaxValue);
        InRange(nameof(CopierThreads), CopierThreads, 0, 64);
        NotNegative(nameof(DefaultTimeout), DefaultTimeout);
        NotNegative(nameof(SuspectAfter), SuspectAfter);
        NotNegative(nameof(QuiesceGrace), QuiesceGrace);
        NotNegative(nameof(Spin), Spin);
        if (IPAddress.TryParse(ListenHost, out var listen)
            && (listen.Equals(IPAddress.Any) || listen.Equals(IPAddress.IPv6Any)) && string.IsNullOrEmpty(AdvertiseHost))
        {
            problems.Add(
                $"{nameof(ListenHost)} '{ListenHost}' is a wildcard, which no peer can connect to: set {nameof(AdvertiseHost)} to the address that peers reach.");
        }

        if (TimeProvider is null)
            problems.Add($"{nameof(TimeProvider)} must not be null; use TimeProvider.System.");
        try
        {
            if (Metadata is null)
                problems.Add($"{nameof(Metadata)} must not be null.");
            Metadata?.Validate();
        }
        catch (ArgumentException exception)
        {
            problems.Add(exception.Message);
        }

        return problems;

        void InRange(string name, long value, long low, long high)
        {
            if (value < low || value > high)
                problems.Add($"{name} {value} must be from {low} to {high} (0 = default).");
        }

        void NotNegative(string name, TimeSpan value)
        {
            if (value < TimeSpan.Zero)
                problems.Add($"{name} {value} must not be negative (0 = default); there is no unlimited waiting.");
        }
    }

    /// <summary>Whether this is a valid agent name.</summary>
    public static bool IsValidName(string? name)
    {
        if (name is not { Length: >= 1 and <= 128 })
            return false;
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
                return false;
        }

        return true;
    }

    internal void ThrowIfInvalid()
    {
        var problems = Validate();
        if (problems.Count > 0)
        {
            throw new NixlInvalidArgumentException(
                NixlStatus.InvalidParameter, $"{nameof(NixlAgentOptions)} of agent '{Name}': {string.Join(' ', problems)}");
        }
    }

    internal NixlAgentOptions Clone() => (NixlAgentOptions)MemberwiseClone();
}
