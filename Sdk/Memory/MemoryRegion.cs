using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// Memory that peers may read and write through this agent. The memory itself stays the caller's (or the arena's): it must stay mapped
/// until <see cref="Deregister"/> has returned or the agent is disposed.
/// </summary>
/// <remarks>Thread-safe. Prepared lists over it keep it registered: dispose those first, or use <see cref="Deregister"/>, which says
/// so.</remarks>
[MustDispose("registered (pinned) memory")]
public sealed class MemoryRegion : IDisposable
{
    private readonly RegionHandle _handle;

    internal MemoryRegion(NixlAgent agent, RegionHandle handle, in MemoryDescriptor memory)
    {
        Agent = agent;
        _handle = handle;
        Descriptor = memory;
    }

    /// <summary>The agent that it is registered with.</summary>
    public NixlAgent Agent { get; }

    /// <summary>Address, length, kind and device.</summary>
    public MemoryDescriptor Descriptor { get; }

    /// <summary>First byte.</summary>
    public nint Address => (nint)Descriptor.Address;

    /// <summary>Bytes.</summary>
    public long Length => (long)Descriptor.Length;

    /// <summary>Kind of memory.</summary>
    public MemoryKind Kind => Descriptor.Kind;

    /// <summary>GPU ordinal for VRAM, else 0.</summary>
    public ulong Device => Descriptor.Device;

    /// <summary>Whether peers can still reach it. False only when that is certain.</summary>
    public bool IsRegistered => !_handle.IsReleased && !Agent.IsClosed;

    internal RegionHandle Handle => _handle;

    /// <summary>
    /// Makes the memory unreachable now. When it returns, nobody can read or write it through this agent any more and it may be freed.
    /// </summary>
    /// <param name="timeout">How long to wait for peers that are copying at this moment; zero = the agent's quiesce grace. While the agent
    /// is being disposed: how long to wait for the end of that.</param>
    /// <exception cref="NixlBusyException">A prepared list or an operation holds it, or a peer was still copying at the
    /// deadline.</exception>
    public void Deregister(TimeSpan timeout = default)
    {
        var runtime = Agent.Runtime;
        if (!runtime.Gate.TryEnter())
        {
            // Disposing the agent deregisters, but only the end of the disposal makes it certain: transfers may still run.
            if (Agent.WaitClosed(timeout))
                return;
            throw NixlErrors.Create(
                new NixlErrorDetails(
                    NixlStatus.Busy, $"agent '{Agent.Name}' is being disposed and its operations have not quiesced yet; await its DisposeAsync",
                    Address: Descriptor.Address, Length: Descriptor.Length),
                "deregistering memory");
        }

        try
        {
            var status = _handle.Deregister(timeout == TimeSpan.Zero ? runtime.Options.QuiesceGrace : timeout);
            if (status < 0)
            {
                var details = runtime.Core.LastError() with { Status = status };
                throw NixlErrors.Create(
                    details with { Address = details.Address ?? Descriptor.Address, Length = details.Length ?? Descriptor.Length },
                    "deregistering memory");
            }
        }
        finally
        {
            runtime.Gate.Exit();
        }

        _handle.Dispose();
    }

    /// <summary>
    /// Gives up this registration. It ends at once, or when the last prepared list over it is disposed: then peers can still reach the
    /// memory until that moment (<see cref="IsRegistered"/>). Never throws.
    /// </summary>
    public void Dispose() => _handle.Dispose();
}
