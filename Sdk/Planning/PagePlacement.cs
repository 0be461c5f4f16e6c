namespace Nixl.Sdk.Planning;

/// <summary>Where a group's page lies in memory that it shares with other groups. The default is memory of its own.</summary>
/// <param name="Offset">Bytes from the start of the pool's page to the group's.</param>
/// <param name="Stride">Bytes of the pool's page; 0 for memory of its own.</param>
internal readonly record struct PagePlacement(long Offset, long Stride);
