namespace Nixl.Sdk.Metadata;

/// <summary>The tensors of one group of layers of an advertised pool.</summary>
/// <remarks>Immutable, so thread-safe.</remarks>
public sealed class PoolGroupAdvertisement
{
    /// <summary>The group's name in the schema.</summary>
    public required string Name { get; init; }

    /// <summary>Blocks of the group; ids 0 … Blocks-1 are valid.</summary>
    public required long Blocks { get; init; }

    /// <summary>Physical blocks that make one block, at least 1.</summary>
    public int PhysicalBlocksPerBlock { get; init; } = 1;

    /// <summary>The hash of each component's content, in declaration order; empty from releases that did not send it.</summary>
    public IReadOnlyList<Planning.LayoutHash> ComponentHashes { get; init; } = [];

    /// <summary>The tensors in the plan's order; none if this rank holds no layer of the group.</summary>
    public required IReadOnlyList<PoolTensorAdvertisement> Tensors { get; init; }
}
