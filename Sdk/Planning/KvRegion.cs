namespace Nixl.Sdk.Planning;

/// <summary>One piece of every block: at <c>Offset + block * Stride</c> of a tensor lie <c>Length</c> bytes of that block.</summary>
/// <param name="TensorIndex">The tensor within the group.</param>
/// <param name="Offset">Bytes from the tensor's base to the piece of block 0.</param>
/// <param name="Stride">Bytes from one block's piece to the next one's.</param>
/// <param name="Length">Contiguous bytes of the piece.</param>
/// <param name="Count">The number of blocks.</param>
/// <param name="Layer">The layer that the piece belongs to (its ordinal on this rank), or -1 if it spans several.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct KvRegion(int TensorIndex, long Offset, long Stride, long Length, long Count, int Layer);
