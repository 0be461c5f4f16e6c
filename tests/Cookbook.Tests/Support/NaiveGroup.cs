namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>
/// The reference for one group: index formulas written by hand from the shape that the engine documents. It uses no plan, no
/// region and no order string, so a mistake there cannot hide here.
/// </summary>
/// <param name="Tensors">The bytes of each tensor for a number of blocks.</param>
/// <param name="Block">
/// The elements of one block that are transferred: (number of blocks, block) → places. The sequence of elements is the same for
/// every block and every number of blocks, so that two of them can be walked side by side.
/// </param>
internal sealed record NaiveGroup(Func<int, long[]> Tensors, Func<int, int, IEnumerable<Place>> Block)
{
    /// <summary>The engine's own page size, for bound memory; 0 for the layout's.</summary>
    public long PageStride { get; init; }

    /// <summary>The bytes of one block that are transferred.</summary>
    public long BytesPerBlock => Block(1, 0).Sum(static place => (long)place.Bytes);

    /// <summary>As many tensors of the same size.</summary>
    public static long[] Same(int tensors, long bytes) => [.. Enumerable.Repeat(bytes, tensors)];

    /// <summary>Copies one block of a source into one block of a target, element by element.</summary>
    public void Copy(Func<int, byte[]> source, int sourceBlocks, int from, Func<int, byte[]> target, int targetBlocks, int to)
    {
        foreach (var (here, there) in Block(sourceBlocks, from).Zip(Block(targetBlocks, to)))
            source(here.Tensor).AsSpan((int)here.Offset, here.Bytes).CopyTo(target(there.Tensor).AsSpan((int)there.Offset, there.Bytes));
    }
}
