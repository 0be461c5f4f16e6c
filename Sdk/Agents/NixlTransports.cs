namespace Nixl.Sdk;

/// <summary>A set of transports.</summary>
[Flags]
public enum NixlTransports
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Within one process: copies.</summary>
    Loopback = 1,

    /// <summary>Between processes of one machine: shared arenas or process_vm.</summary>
    Local = 2,

    /// <summary>Between machines: libfabric (EFA, InfiniBand, RoCE, TCP).</summary>
    Fabric = 4,

    /// <summary>Every transport; the cheapest that reaches the peer is taken.</summary>
    All = Loopback | Local | Fabric,
}
