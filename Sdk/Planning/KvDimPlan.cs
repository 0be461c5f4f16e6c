namespace Nixl.Sdk.Planning;

/// <summary>One dimension of a component in memory.</summary>
/// <param name="Dim">The term of the order.</param>
/// <param name="Size">How many there are on this rank.</param>
/// <param name="Stride">Bytes between neighbours; 0 for a dimension that is separate tensors, and for P.</param>
/// <param name="IsTensor">True if it stands left of the bar.</param>
/// <param name="PerBlockCount">True if the stride grows with the number of blocks (the dimension stands outside B).</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvDimPlan(OrderDim Dim, long Size, long Stride, bool IsTensor, bool PerBlockCount);
