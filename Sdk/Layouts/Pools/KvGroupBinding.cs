namespace Nixl.Sdk;

/// <summary>The tensors of one group of layers that an engine owns.</summary>
/// <param name="Tensors">In the order of the plan's tensors (<see cref="Planning.KvGroupPlan.Tensors"/>).</param>
public sealed record KvGroupBinding(IReadOnlyList<KvTensorBinding> Tensors)
{
    /// <summary>
    /// Consecutive physical blocks (of the layout's block size) that make one block of the pool, at least 1. Engines that make the
    /// page sizes of several groups equal use more than one.
    /// </summary>
    public int PhysicalBlocksPerBlock { get; init; } = 1;
}
