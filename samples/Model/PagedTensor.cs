namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Where the keys or the values of one layer lie: element [block, slot, head, 0] is at
/// <c>Address + block·BlockStride + slot·TokenStride + head·HeadStride</c> (bytes). The memory is the caller's and stays valid while the
/// cache is used; any order of the dimensions can be said this way as long as a head's elements are contiguous floats.
/// </summary>
/// <param name="Address">Address of block 0.</param>
/// <param name="BlockStride">Bytes from block to block.</param>
/// <param name="TokenStride">Bytes from one token's slot to the next inside a block.</param>
/// <param name="HeadStride">Bytes from head to head.</param>
public readonly record struct PagedTensor(nint Address, long BlockStride, long TokenStride, long HeadStride);
