namespace Nixl.Sdk.Tests.Support;

/// <summary>A block layout of a test: some tensors, each a strided run of pieces.</summary>
internal sealed record Shape(string Name, int Blocks, params Shape.Tensor[] Tensors)
{
    /// <summary>Where a tensor starts, how far its pieces are apart, and how long they are.</summary>
    public readonly record struct Tensor(long Offset, int Stride, int Length);

    public static Shape[] All { get; } =
    [
        new("one contiguous tensor", 64, new Tensor(0, 4096, 4096)),
        new("two tensors", 50, new Tensor(64, 4096, 4096), new Tensor(64 + (50 * 4096), 4096, 4096)),
        new("odd sizes with gaps", 97, new Tensor(3, 1301, 1237), new Tensor(130_001, 71, 70), new Tensor(140_009, 9, 1)),
        new("pieces interleaved in a page", 33, new Tensor(0, 3000, 1000), new Tensor(1000, 3000, 17), new Tensor(1500, 3000, 1500)),
        new("single bytes", 256, new Tensor(5, 2, 1)),
        new("large pieces", 3, new Tensor(0, 3_000_000, 2_500_001)),
    ];

    public long Length => Tensors.Max(t => t.Offset + ((long)(Blocks - 1) * t.Stride) + t.Length) + 7;

    public long BytesPerBlock => Tensors.Sum(t => (long)t.Length);

    public StridedRegion[] Regions(ulong address) =>
        [.. Tensors.Select(t => new StridedRegion(address + (ulong)t.Offset, (ulong)t.Stride, (ulong)t.Length, (ulong)Blocks))];

    /// <summary>What the target must look like afterwards: the naive copy.</summary>
    public void Apply(ReadOnlySpan<byte> source, Span<byte> target, ReadOnlySpan<int> sourceIds, ReadOnlySpan<int> targetIds)
    {
        for (var i = 0; i < sourceIds.Length; i++)
        {
            foreach (var t in Tensors)
            {
                source.Slice((int)(t.Offset + ((long)sourceIds[i] * t.Stride)), t.Length)
                    .CopyTo(target[(int)(t.Offset + ((long)targetIds[i] * t.Stride))..]);
            }
        }
    }

    /// <summary>Distinct ids in random order.</summary>
    public int[] RandomIds(Random random, int count)
    {
        var ids = Enumerable.Range(0, Blocks).ToArray();
        random.Shuffle(ids);
        return ids[..count];
    }

    public override string ToString() => Name;
}
