namespace Nixl.Sdk.Tests.Pools;

/// <summary>Looks at all bytes of a pool's tensors, and knows for each element which value belongs there.</summary>
internal static unsafe class PoolBytes
{
    public static List<byte[]> Copy(KvPool pool) => [.. Tensors(pool).Select(t => new ReadOnlySpan<byte>((void*)t.Address, t.Length).ToArray())];

    public static void Fill(KvPool pool, byte value)
    {
        foreach (var (address, length) in Tensors(pool)) new Span<byte>((void*)address, length).Fill(value);
    }

    public static void FillRandom(KvPool pool, int seed)
    {
        var random = new Random(seed);
        foreach (var (address, length) in Tensors(pool)) random.NextBytes(new Span<byte>((void*)address, length));
    }

    /// <summary>
    /// What the target must be after moving blocks, worked out element by element from the layout's definition and not from
    /// the pieces that the transfer uses: every element of every transferred component of a moved block, and no other byte.
    /// </summary>
    public static List<byte[]> Expect(KvPool source, List<byte[]> target, KvPool targetPool, int group, ReadOnlySpan<int> from, ReadOnlySpan<int> to)
    {
        var expected = target.ConvertAll(tensor => (byte[])tensor.Clone());
        var schema = source.Plan.Schema.Groups[group];
        for (var i = 0; i < from.Length; i++)
        {
            for (var c = 0; c < schema.Components.Count; c++)
            {
                if (!schema.Components[c].Transfer) continue;
                var component = new KvComponent(source.Plan.Schema, group, c);
                foreach (var (layer, head, entry, element) in Elements(source, component))
                {
                    var size = source.Plan.Groups[group].Components[c].ElementBytes;
                    var value = new ReadOnlySpan<byte>((void*)source.AddressOf(component, layer, from[i], head, entry, element), size);
                    Put(targetPool, expected, targetPool.AddressOf(component, layer, to[i], head, entry, element), value);
                }
            }
        }
        return expected;
    }

    public static ReadOnlySpan<byte> At(nint address, int length) => new((void*)address, length);

    /// <summary>Gives a pool these bytes, tensor by tensor.</summary>
    public static void Put(KvPool pool, List<byte[]> bytes)
    {
        foreach (var ((address, length), tensor) in Tensors(pool).Zip(bytes)) tensor.CopyTo(new Span<byte>((void*)address, length));
    }

    public static void AssertEqual(List<byte[]> expected, List<byte[]> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var t = 0; t < expected.Count; t++)
        {
            var at = expected[t].AsSpan().CommonPrefixLength(actual[t]);
            Assert.True(at == expected[t].Length && at == actual[t].Length,
                $"Tensor {t} differs at byte {at} of {expected[t].Length}: {At(expected[t], at)} expected, {At(actual[t], at)} found");
        }

        static string At(byte[] bytes, int at) => at < bytes.Length ? $"{bytes[at]:x2}" : "end";
    }

    private static IEnumerable<(int Layer, int Head, int Entry, long Element)> Elements(KvPool pool, KvComponent component)
    {
        var schema = pool.Plan.Schema.Groups[component.GroupIndex];
        var heads = schema.KvHeads == 0 ? 1 : schema.KvHeads / pool.Parallel.Tp;
        long content = 1;
        foreach (var size in component.Schema.Shape) content *= size;
        for (var layer = 0; layer < pool.Plan.Groups[component.GroupIndex].Layers.Count; layer++)
            for (var head = 0; head < heads; head++)
                for (var entry = 0; entry < schema.EntriesPerBlock; entry++)
                    for (long element = 0; element < content; element++)
                        yield return (layer, head, entry, element);
    }

    public static void Put(KvPool pool, List<byte[]> bytes, nint address, ReadOnlySpan<byte> value)
    {
        var t = 0;
        foreach (var (start, length) in Tensors(pool))
        {
            if (address >= start && address + value.Length <= start + length)
            {
                value.CopyTo(bytes[t].AsSpan((int)(address - start)));
                return;
            }
            t++;
        }
        Assert.Fail($"0x{address:x} lies in no tensor of the pool");
    }

    // Groups may share a tensor.
    private static List<(nint Address, int Length)> Tensors(KvPool pool) =>
        [.. pool.Groups.SelectMany(group => group.Tensors).Select(tensor => ((nint)tensor.Address, checked((int)tensor.Length))).Distinct()];

    public static int[] RandomIds(Random random, int blocks, int count)
    {
        var ids = Enumerable.Range(0, blocks).ToArray();
        random.Shuffle(ids);
        return ids[..count];
    }
}
