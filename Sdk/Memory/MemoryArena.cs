using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// Memory that the SDK allocates, page-aligned, zero-filled and registered, which same-machine peers map and copy into directly.
/// </summary>
/// <remarks>
/// Thread-safe. The arena owns the memory: spans and addresses are valid until it is unmapped, which happens after
/// <see cref="Dispose"/> once the last prepared list over it is gone, or when the agent is disposed.
/// </remarks>
[MustDispose("mapped and registered memory")]
public sealed class MemoryArena : IDisposable
{
    private readonly ArenaHandle _handle;

    internal MemoryArena(ArenaHandle handle, MemoryRegion region, long pageSize)
    {
        _handle = handle;
        Region = region;
        PageSize = pageSize;
    }

    /// <summary>The registration over the whole arena.</summary>
    public MemoryRegion Region { get; }

    /// <summary>First byte.</summary>
    public nint Address => Region.Address;

    /// <summary>Bytes; the length asked for, rounded up to whole pages.</summary>
    public long Length => Region.Length;

    /// <summary>Bytes per page that the system gave: 4096, or 2 MiB with huge pages.</summary>
    public long PageSize { get; }

    /// <summary>A part of the memory.</summary>
    /// <param name="offset">Bytes from the start; 64-bit.</param>
    /// <param name="length">Bytes of the part.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside the arena.</exception>
    /// <exception cref="ObjectDisposedException">The arena or its agent is disposed.</exception>
    public unsafe Span<byte> Slice(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed || Region.Agent.IsDisposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        // The mapping lives as long as the handle; the caller must not use the span after Dispose.
        return new Span<byte>((byte*)Address + offset, length);
    }

    /// <summary>Gives the memory back, as soon as no prepared list holds it. Never throws.</summary>
    public void Dispose()
    {
        Region.Dispose();
        _handle.Dispose();
    }
}
