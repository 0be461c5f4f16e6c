namespace Nixl.Sdk;

/// <summary>One tensor of memory that an engine owns, for <see cref="KvPool{TLayout}.Bind"/>.</summary>
/// <param name="Address">First byte.</param>
/// <param name="Length">Bytes, 64-bit.</param>
/// <param name="PageStride">Bytes from one physical block to the next; 0 for what the layout says. Only where blocks are the
/// tensor's outermost dimension may it be larger than that.</param>
/// <param name="Kind">Kind of memory.</param>
/// <param name="Device">GPU ordinal for <see cref="MemoryKind.Vram"/>, else 0.</param>
public readonly record struct KvTensorBinding(
    nint Address, long Length, long PageStride = 0, MemoryKind Kind = MemoryKind.Dram, ulong Device = 0);
