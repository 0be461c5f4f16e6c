namespace Nixl.Sdk.Planning;

/// <summary>One separate piece of memory with a base address of its own.</summary>
/// <param name="Index">Its index within the group: the base addresses are given in this order.</param>
/// <param name="Name">What it holds, for messages: <c>layer 3, Key</c>.</param>
/// <param name="Bytes">The bytes it takes.</param>
/// <param name="PageStride">Bytes from one block to the next, or 0 where components of the tensor have different ones.</param>
/// <param name="BlocksOutermost">True if blocks are its outermost stride: then another page stride moves nothing but blocks.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvTensorPlan(int Index, string Name, long Bytes, long PageStride, bool BlocksOutermost)
{
    /// <summary>The alignment that a tensor's base address should have, in bytes.</summary>
    public const int Alignment = 4096;
}
