namespace Nixl.Sdk.Planning;

/// <summary>
/// One run of bytes that has the same content on both sides. In unit u of block b it begins at
/// <c>Offset + b * Stride + u * UnitStride</c> of its tensor.
/// </summary>
/// <param name="SourceTensor">The tensor within the source's group.</param>
/// <param name="SourceOffset">Bytes from the tensor's base to the run in unit 0 of block 0.</param>
/// <param name="SourceStride">Bytes from one block to the next.</param>
/// <param name="SourceUnitStride">Bytes from one unit of a block to the next; 0 where a block is one unit.</param>
/// <param name="TargetTensor">The tensor within the target's group.</param>
/// <param name="TargetOffset">Bytes from the tensor's base to the run in unit 0 of block 0.</param>
/// <param name="TargetStride">Bytes from one block to the next.</param>
/// <param name="TargetUnitStride">Bytes from one unit of a block to the next; 0 where a block is one unit.</param>
/// <param name="Length">Contiguous bytes on both sides.</param>
/// <param name="Layer">The model's index of the layer that the run belongs to, or -1 if it spans several.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct ReshardPiece(
    int SourceTensor, long SourceOffset, long SourceStride, long SourceUnitStride,
    int TargetTensor, long TargetOffset, long TargetStride, long TargetUnitStride,
    long Length, int Layer);
