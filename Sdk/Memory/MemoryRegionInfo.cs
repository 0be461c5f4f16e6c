namespace Nixl.Sdk;

/// <summary>What the agent knows about a registered range; see <see cref="NixlAgent.Query"/>.</summary>
/// <param name="Address">First byte of the registration.</param>
/// <param name="Length">Bytes of the registration.</param>
/// <param name="Kind">Kind of memory.</param>
/// <param name="Device">GPU ordinal for VRAM, else 0.</param>
/// <param name="Transports">The transports that can move it.</param>
/// <param name="IsArena">Whether the SDK allocated it (<see cref="MemoryArena"/>).</param>
/// <param name="PreparedLists">How many prepared lists hold it.</param>
public readonly record struct MemoryRegionInfo(
    nint Address, long Length, MemoryKind Kind, ulong Device, NixlTransports Transports, bool IsArena, long PreparedLists);
