namespace Nixl.Sdk.Planning;

/// <summary>Where an element lies.</summary>
/// <param name="TensorIndex">The tensor within the group.</param>
/// <param name="Offset">Bytes from the tensor's base.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct KvLocation(int TensorIndex, long Offset);
