namespace Nixl.Sdk.Metadata;

/// <summary>One tensor of an advertised pool, in its owner's address space.</summary>
/// <param name="Address">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="PageStride">Bytes from one physical block to the next; 0 where parts of the tensor have different ones.</param>
/// <param name="Device">GPU ordinal for VRAM, else 0.</param>
/// <param name="Kind">Kind of memory.</param>
public readonly record struct PoolTensorAdvertisement(
    ulong Address, ulong Length, ulong PageStride, ulong Device, MemoryKind Kind);
