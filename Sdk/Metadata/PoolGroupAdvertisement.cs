namespace Nixl.Sdk.Metadata;

/// <summary>The tensors of one group of layers of an advertised pool.</summary>
public sealed class PoolGroupAdvertisement
{
    /// <summary>The group's name in the schema; may be empty when there is only one.</summary>
    public required string Name { get; init; }

    /// <summary>At least one tensor, in the plan's order.</summary>
    public required IReadOnlyList<PoolTensorAdvertisement> Tensors { get; init; }
}
