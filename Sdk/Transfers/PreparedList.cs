using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// Strided regions, checked once and kept in the core, so that a post needs block ids only. Local (over this agent's registered memory) or
/// remote (over a peer's). Costs memory per region, not per block.
/// </summary>
/// <remarks>
/// Thread-safe; any number of transfers may use it at once. Transfers hold it: disposing it earlier is fine and takes effect when the last
/// transfer is disposed. A local list keeps its registrations alive.
/// </remarks>
[MustDispose("native memory and the registrations that it covers")]
public sealed class PreparedList : IDisposable
{
    private readonly ListHandle _handle;
    private readonly NativeListInfo _info;
    private volatile bool _disposed;

    internal PreparedList(NixlAgent agent, ListHandle handle, RemoteAgent? peer, in NativeListInfo info)
    {
        Agent = agent;
        _handle = handle;
        Peer = peer;
        _info = info;
    }

    /// <summary>The agent that prepared it.</summary>
    public NixlAgent Agent { get; }

    /// <summary>The peer whose memory it describes; null for a local list.</summary>
    public RemoteAgent? Peer { get; }

    /// <summary>What an id stands for.</summary>
    public ListMode Mode => (ListMode)_info.Mode;

    /// <summary>Ids 0 … Entries-1 are valid.</summary>
    public long Entries => (long)_info.Entries;

    /// <summary>Number of strided regions.</summary>
    public long Regions => (long)_info.Regions;

    /// <summary>Bytes per id; 0 if they differ (flat mode).</summary>
    public long BytesPerEntry => (long)_info.BytesPerEntry;

    /// <summary>Native memory that the list takes, in bytes.</summary>
    public long NativeMemory => (long)_info.MemoryBytes;

    /// <summary>Whether <see cref="Dispose"/> was called.</summary>
    public bool IsDisposed => _disposed; // Not the handle's: that is open while a transfer holds it.

    internal ListHandle Handle => _handle;

    /// <summary>Releases it, as soon as no transfer holds it. Never throws.</summary>
    public void Dispose()
    {
        _disposed = true;
        _handle.Dispose();
    }
}
