using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

// Memory: registrations over the caller's memory, arenas of our own, queries.
public sealed partial class NixlAgent
{
    /// <summary>
    /// Makes memory reachable for peers that have this agent's metadata. The caller owns the memory and keeps it mapped (and unmoved: not
    /// managed memory, unless pinned) until <see cref="MemoryRegion.Deregister"/> has returned or the agent is disposed.
    /// </summary>
    /// <param name="address">First byte.</param>
    /// <param name="length">Bytes; may exceed 4 GiB.</param>
    /// <param name="kind">Kind of memory.</param>
    /// <param name="device">GPU ordinal for VRAM, else 0.</param>
    /// <exception cref="NixlNotFoundException">No transport handles this kind of memory.</exception>
    /// <exception cref="NixlException">All of them refuse it; the message says why.</exception>
    public MemoryRegion Register(nint address, long length, MemoryKind kind = MemoryKind.Dram, ulong device = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfZero(address);
        var memory = new MemoryDescriptor((ulong)address, (ulong)length, kind, device);
        Runtime.Gate.Enter();
        try
        {
            return RegisterCore(memory, Runtime.Handle);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>Allocates and registers zero-filled memory that same-machine peers can map and copy into directly.</summary>
    /// <param name="bytes">Length; rounded up to whole pages.</param>
    /// <param name="hugePages">Whether to ask for huge pages.</param>
    /// <exception cref="NixlException">Out of memory, or huge pages required and not there.</exception>
    public MemoryArena CreateArena(long bytes, HugePages hugePages = HugePages.Try)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Runtime.Gate.Enter();
        try
        {
            var status = Runtime.Core.CreateArena((ulong)bytes, hugePages, out var info);
            if (status < 0)
                throw Runtime.Core.Failure(status, $"allocating an arena of {bytes} bytes");
            var handle = new ArenaHandle(Runtime, info.Arena);
            try
            {
                var region = RegisterCore(new MemoryDescriptor(info.Address, info.Length), handle);
                return new MemoryArena(handle, region, (long)info.PageSize);
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>The registration that covers a range.</summary>
    /// <param name="address">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="kind">Kind of memory.</param>
    /// <param name="device">GPU ordinal for VRAM, else 0.</param>
    /// <exception cref="NixlNotFoundException">None covers it.</exception>
    public MemoryRegionInfo Query(nint address, long length, MemoryKind kind = MemoryKind.Dram, ulong device = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        Runtime.Gate.Enter();
        try
        {
            var info = new NativeRegionInfo
            {
                Address = (ulong)address, Length = (ulong)length, Kind = (uint)kind, Device = device,
            };
            var status = Runtime.Core.QueryMemory(0, ref info);
            if (status < 0)
            {
                var details = Runtime.Core.LastError() with { Status = status };
                throw NixlErrors.Create(
                    details with { Address = details.Address ?? (ulong)address, Length = details.Length ?? (ulong)length },
                    "asking for the registration of a range");
            }

            return new MemoryRegionInfo(
                (nint)info.Address, (long)info.Length, (MemoryKind)info.Kind, info.Device, (NixlTransports)info.Transports,
                info.Arena != 0, (long)info.Lists);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>The registration, made by whomever, that covers a range; null if there is none.</summary>
    internal RegionHandle? FindRegistration(nint address, long length, MemoryKind kind, ulong device)
    {
        Runtime.Gate.Enter();
        try
        {
            var info = new NativeRegionInfo
            {
                Address = (ulong)address, Length = (ulong)length, Kind = (uint)kind, Device = device,
            };
            return Runtime.Core.QueryMemory(0, ref info) < 0 ? null : Runtime.FindRegion(info.Region);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    private MemoryRegion RegisterCore(in MemoryDescriptor memory, System.Runtime.InteropServices.SafeHandle parent)
    {
        var status = Runtime.Core.Register(memory, out var id);
        if (status < 0)
        {
            var details = Runtime.Core.LastError() with { Status = status };
            throw NixlErrors.Create(
                details with { Address = details.Address ?? memory.Address, Length = details.Length ?? memory.Length },
                "registering memory");
        }

        var handle = new RegionHandle(Runtime, id, parent);
        Runtime.Remember(handle);
        return new MemoryRegion(this, handle, memory);
    }
}
