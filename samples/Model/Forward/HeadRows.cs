namespace Nixl.Sdk.Samples.Model;

/// <summary>The keys or values of one head in one block: a row per slot. Points into the pool, which outlives it; never kept.</summary>
internal readonly unsafe struct HeadRows(byte* first, long tokenStride)
{
    /// <summary>The row of a slot. Not checked: the kernels' loops run over the block's slots.</summary>
    internal float* this[int slot] => (float*)(first + (slot * tokenStride));
}
