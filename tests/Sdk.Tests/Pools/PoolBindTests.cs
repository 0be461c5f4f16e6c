using Nixl.Sdk.Metadata;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Pools over memory that an engine owns.</summary>
public sealed class PoolBindTests
{
    private const int Blocks = 6;
    private const int Page = 4 * 4 * 8 * 2; // bytes of one block of one tensor of SplitKv
    private static readonly ModelIdentity Model = new("tiny-llama", "sha256:1234");

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task An_engines_own_page_stride_is_kept_and_the_gaps_are_not_touched(Backend backend)
    {
        using var a = new OwnMemory(6 * Blocks * 300L);
        using var b = new OwnMemory(6 * Blocks * 600L);
        await using var pair = await PoolPair<SplitKv>.CreateAsync(backend, Blocks, Blocks,
            agent => KvPool<SplitKv>.Bind(agent, a.Split(6, Blocks * 300, 300), Blocks, Model),
            agent => KvPool<SplitKv>.Bind(agent, b.Split(6, Blocks * 600, 600), Blocks, Model));
        await MoveAsync(pair);
    }

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Several_physical_blocks_can_make_one_block(Backend backend) => MoveWithRatioAsync(backend, Page, pieces: 6);

    [Theory, MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public Task Several_physical_blocks_with_gaps_can_make_one_block(Backend backend) => MoveWithRatioAsync(backend, 2 * Page, pieces: 18);

    private static async Task MoveWithRatioAsync(Backend backend, int stride, int pieces)
    {
        using var a = new OwnMemory(6 * 3 * Blocks * stride);
        using var b = new OwnMemory(6 * 3 * Blocks * stride);
        await using var pair = await PoolPair<SplitKv>.CreateAsync(backend, Blocks, Blocks,
            agent => KvPool<SplitKv>.Bind(agent, Ratio3(a.Split(6, 3 * Blocks * stride, stride)), Blocks, Model),
            agent => KvPool<SplitKv>.Bind(agent, Ratio3(b.Split(6, 3 * Blocks * stride, stride)), Blocks, Model));
        Assert.Equal(Blocks, pair.A.Blocks);
        Assert.Equal(pieces, pair.A.PiecesPerBlock());
        Assert.Equal(3 * 6 * Page, pair.A.BytesPerBlock());
        Assert.Equal(3 * Blocks, pair.A.Plan.Groups[0].Blocks);

        PoolBytes.FillRandom(pair.A, 3);
        PoolBytes.Fill(pair.B, TestMemory.Poison);
        int[] from = [4, 0], to = [1, 5];
        var physical = (int[] ids) => ids.SelectMany(id => Enumerable.Range(id * 3, 3)).ToArray();
        var expected = PoolBytes.Expect(pair.A, PoolBytes.Copy(pair.B), pair.B, 0, physical(from), physical(to));
        var result = await pair.Remote.WriteBlocksAsync(from, to).SoonAsync();
        Assert.Equal(2 * pair.A.BytesPerBlock(), result.Bytes);
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.B));
    }

    [Fact]
    public async Task Physical_blocks_that_touch_on_one_side_only_are_still_moved()
    {
        using var a = new OwnMemory(6 * 3 * Blocks * Page);
        using var b = new OwnMemory(6 * 3 * Blocks * 2 * Page);
        await using var pair = await PoolPair<SplitKv>.CreateAsync(Backend.Fake, Blocks, Blocks,
            agent => KvPool<SplitKv>.Bind(agent, Ratio3(a.Split(6, 3 * Blocks * Page)), Blocks, Model),
            agent => KvPool<SplitKv>.Bind(agent, Ratio3(b.Split(6, 3 * Blocks * 2 * Page, 2 * Page)), Blocks, Model));
        PoolBytes.FillRandom(pair.A, 3);
        PoolBytes.Fill(pair.B, TestMemory.Poison);
        var expected = PoolBytes.Expect(pair.A, PoolBytes.Copy(pair.B), pair.B, 0, [12, 13, 14, 0, 1, 2], [3, 4, 5, 15, 16, 17]);
        Assert.Equal(2 * pair.A.BytesPerBlock(), (await pair.Remote.WriteBlocksAsync([4, 0], [1, 5]).SoonAsync()).Bytes);
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.B));
    }

    [Theory, InlineData(Backend.Fake), InlineData(Backend.Loopback)]
    public async Task Physical_blocks_page_strides_and_block_sizes_may_all_differ_at_once(Backend backend)
    {
        using var a = new OwnMemory(6 * 3 * Blocks * 2 * Page);
        using var b = new OwnMemory(6 * 3 * Blocks * 3 * Page);
        await using var pair = await Pair.CreateAsync(backend);
        using var local = KvPool<SplitKv>.Bind(pair.A, Ratio3(a.Split(6, 3 * Blocks * 2 * Page, 2 * Page)), Blocks, Model); // 12 tokens in 3 pages of 4
        using var remote = KvPool<SixTokensKv>.Bind(pair.B, b.Split(6, 3 * Blocks * 3 * Page, 3 * Page), 3 * Blocks, Model, new KvPoolOptions { Name = "SplitKv" });
        await pair.ConnectAsync();
        using var connected = local.Connect(pair.ToB);
        PoolBytes.FillRandom(local, 3);
        PoolBytes.Fill(remote, TestMemory.Poison);
        var expected = PoolBytes.Copy(remote);
        int[] from = [4, 1], to = [7, 0, 17];
        for (var token = 0; token < 3 * 6; token++)
        {
            foreach (var (component, layer, head) in from c in Enumerable.Range(0, 2) from l in Enumerable.Range(0, 3) from h in Enumerable.Range(0, 4) select (c, l, h))
            {
                var source = local.AddressOf(new KvComponent(local.Plan.Schema, 0, component), layer, (from[token / 12] * 3) + (token % 12 / 4), head, token % 4);
                var target = remote.AddressOf(new KvComponent(remote.Plan.Schema, 0, component), layer, to[token / 6], head, token % 6);
                PoolBytes.Put(remote, expected, target, PoolBytes.At(source, 16));
            }
        }
        Assert.Equal(3 * remote.BytesPerBlock(), (await connected.WriteBlocksAsync(from, to).SoonAsync()).Bytes);
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(remote));
    }

    [Fact]
    public async Task More_physical_blocks_per_block_than_can_be_moved_are_refused_with_the_numbers()
    {
        using var own = new OwnMemory(6 * Page);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var binding = own.Split(6, 20_000L * 2 * Page, 2 * Page).Groups[0] with { PhysicalBlocksPerBlock = 20_000 };
        var error = Assert.Throws<ArgumentException>(() => KvPool<SplitKv>.Bind(pair.A, new KvPoolBinding([binding]), 1, Model));
        Assert.Contains("20000 physical blocks per block make a block 120000 separate pieces; at most 65536", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_ratio_of_physical_blocks_pairs_one_block_with_three()
    {
        using var a = new OwnMemory(6 * 3 * Blocks * Page);
        using var b = new OwnMemory(6 * 3 * Blocks * Page);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var local = KvPool<SplitKv>.Bind(pair.A, Ratio3(a.Split(6, 3 * Blocks * Page)), Blocks, Model);
        using var remote = KvPool<SplitKv>.Bind(pair.B, b.Split(6, 3 * Blocks * Page), 3 * Blocks, Model);
        await pair.ConnectAsync();
        using var connected = local.Connect(pair.ToB);
        PoolBytes.FillRandom(local, 3);
        PoolBytes.Fill(remote, TestMemory.Poison);
        var expected = PoolBytes.Expect(local, PoolBytes.Copy(remote), remote, 0, [12, 13, 14, 3, 4], [7, 0, 17, 2, 9]);
        var result = await connected.WriteBlocksAsync([4, 1], [7, 0, 17, 2, 9]).SoonAsync(); // the last block is used in part
        Assert.Equal(5 * remote.BytesPerBlock(), result.Bytes);
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(remote));
    }

    [Fact]
    public async Task Groups_that_share_memory_are_bound_to_the_same_tensors_and_to_nothing_else()
    {
        const int bytes = Blocks * 2 * 4 * 4 * 8 * 2;
        using var own = new OwnMemory(2 * bytes);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        KvTensorBinding first = new(own.Address, bytes), second = new(own.Address + bytes, bytes);
        var apart = Assert.Throws<ArgumentException>(() => Bind(first, second));
        Assert.Contains("must be the same tensor: the groups share pool 'kv'", apart.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Bind(first, first with { PageStride = 2 * bytes / Blocks }));
        using var pool = Bind(first, first);
        Assert.Equal(pool.AddressOf(new KvComponent(OverlaidKv.Schema, 0, 0), 0, 3), pool.AddressOf(new KvComponent(OverlaidKv.Schema, 1, 0), 0, 3));
        Assert.Single(MetadataCodec.Decode(pair.A.ExportMetadata()).Pools);

        KvPool<OverlaidKv> Bind(KvTensorBinding a, KvTensorBinding b) =>
            KvPool<OverlaidKv>.Bind(pair.A, new KvPoolBinding([new KvGroupBinding([a]), new KvGroupBinding([b])]), Blocks, Model);
    }

    [Theory]
    [InlineData(Backend.Fake)]
    [InlineData(Backend.Loopback)]
    public async Task Blocks_beyond_4_GiB_are_reached_through_64_bit_offsets(Backend backend)
    {
        const long pageBytes = 4L * 64 * 2048 * 2; // 1 MiB
        const long blocks = 6 * 1024;
        using var sparse = new SparseMemory(blocks * pageBytes);
        await using var pair = await PoolPair<LargePages>.CreateAsync(backend, 4, blocks,
            makeB: agent => KvPool<LargePages>.Bind(agent, KvPoolBinding.Single(new KvTensorBinding(sparse.Address, sparse.Length)), blocks, Model));
        PoolBytes.FillRandom(pair.A, 5);
        int[] from = [3, 1, 0], to = [(int)blocks - 1, 4096, 4097]; // the last one and the first two behind 4 GiB
        foreach (var block in (int[])[.. to, 0, 1, 2, 4095, 4098, (int)blocks - 2]) pair.B.Piece(0, block).Fill(TestMemory.Poison);
        var result = await pair.Remote.WriteBlocksAsync(from, to).SoonAsync();
        Assert.Equal(3 * pageBytes, result.Bytes);
        for (var i = 0; i < 3; i++) Assert.True(pair.A.Piece(0, from[i]).SequenceEqual(pair.B.Piece(0, to[i])), $"block {to[i]}");
        foreach (var block in (int[])[0, 1, 2, 4095, 4098, (int)blocks - 2])
            Assert.False(pair.B.Piece(0, block).ContainsAnyExcept(TestMemory.Poison), $"block {block} was touched");
    }

    [Fact]
    public async Task Memory_that_the_engine_has_registered_stays_the_engines()
    {
        using var own = new OwnMemory(6 * Blocks * Page);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var region = pair.A.Register(own.Address, own.Length);
        var pool = KvPool<SplitKv>.Bind(pair.A, own.Split(6, Blocks * Page), Blocks, Model);
        pool.Dispose();
        Assert.True(region.IsRegistered);
    }

    [Fact]
    public async Task Memory_that_the_pool_has_registered_is_given_up_with_it()
    {
        using var own = new OwnMemory(6 * Blocks * Page);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var pool = KvPool<SplitKv>.Bind(pair.A, own.Split(6, Blocks * Page), Blocks, Model);
        Assert.True(pool.IsReachable);
        Assert.Equal(own.Length, pair.A.Query(own.Address, own.Length).Length); // neighbours were registered as one
        pool.Dispose();
        Assert.False(pool.IsReachable);
        Assert.Throws<NixlNotFoundException>(() => pair.A.Query(own.Address, 1));
        Assert.Throws<ObjectDisposedException>(() => pool.Local());
        Assert.Throws<ObjectDisposedException>(() => pool.Piece(0, 0).Length);
    }

    public static TheoryData<string, string> Mistakes => new()
    {
        { "too few tensors", "has 6 tensors (" },
        { "no address", "tensor 2 (" },
        { "too short", "needs 1536" },
        { "misaligned", "is not aligned to its elements of 2 bytes" },
        { "overlap", "overlap" },
        { "small stride", "is smaller than a page of 256 bytes" },
        { "odd stride", "is not a multiple" },
        { "huge stride", "more than memory can hold" },
        { "negative length", "must not be negative" },
        { "end of address space", "not a range of memory" },
        { "file", "lies in File memory" },
    };

    [Theory, MemberData(nameof(Mistakes))]
    public async Task A_mistake_in_the_binding_is_named(string mistake, string message)
    {
        using var own = new OwnMemory(6 * Blocks * Page);
        var tensors = own.Split(6, Blocks * Page).Groups[0].Tensors.ToList();
        switch (mistake)
        {
            case "too few tensors": tensors.RemoveAt(5); break;
            case "no address": tensors[2] = tensors[2] with { Address = 0 }; break;
            case "too short": tensors[2] = tensors[2] with { Length = tensors[2].Length - 1 }; break;
            case "misaligned": tensors[2] = tensors[2] with { Address = tensors[2].Address + 1 }; break;
            case "overlap": tensors[2] = tensors[2] with { Address = tensors[3].Address - 2 }; break;
            case "small stride": tensors[2] = tensors[2] with { PageStride = 254 }; break;
            case "odd stride": tensors[2] = tensors[2] with { PageStride = 257, Length = 10_000 }; break;
            case "huge stride": tensors[2] = tensors[2] with { PageStride = long.MaxValue - 1, Length = long.MaxValue }; break;
            case "negative length": tensors[2] = tensors[2] with { Length = -5 }; break;
            case "end of address space": tensors[2] = tensors[2] with { Address = -4096, Length = 8192 }; break;
            case "file": tensors[2] = tensors[2] with { Kind = MemoryKind.File }; break;
            default: throw new InvalidOperationException(mistake);
        }
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var error = Assert.ThrowsAny<ArgumentException>(() => KvPool<SplitKv>.Bind(pair.A, KvPoolBinding.Single(tensors), Blocks, Model));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Empty(MetadataCodec.Decode(pair.A.ExportMetadata()).Pools);
        Assert.Throws<NixlNotFoundException>(() => pair.A.Query(own.Address, 1)); // nothing stays registered
    }

    [Fact]
    public async Task A_page_stride_where_other_dimensions_lie_outside_blocks_is_refused()
    {
        using var own = new OwnMemory(1 << 20);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var stride = Convert.ToInt64(KvPoolPlan().Groups[0].Tensors[0].PageStride) + 64;
        var error = Assert.Throws<ArgumentException>(() => KvPool<LayersOutsideKv>.Bind(
            pair.A, KvPoolBinding.Single(new KvTensorBinding(own.Address, own.Length, stride)), Blocks, Model));
        Assert.Contains("blocks are not the tensor's outermost dimension", error.Message, StringComparison.Ordinal);

        static Planning.KvPlan KvPoolPlan() => Planning.KvPlan.Create(LayersOutsideKv.Schema, KvParallel.Single, Blocks);
    }

    [Fact]
    public async Task Impossible_numbers_are_refused()
    {
        using var own = new OwnMemory(6 * Blocks * Page);
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        Assert.Throws<ArgumentOutOfRangeException>(() => KvPool<SplitKv>.Allocate(pair.A, 0, Model));
        Assert.Throws<ArgumentOutOfRangeException>(() => KvPool<SplitKv>.Bind(pair.A, own.Split(6, Blocks * Page), 0, Model));
        Assert.Throws<OverflowException>(() => KvPool<SplitKv>.Allocate(pair.A, long.MaxValue, Model));
        Assert.Throws<ArgumentException>(() => KvPool<TwoGroups>.Bind(pair.A, own.Split(6, Blocks * Page), Blocks, Model));
        var none = new KvPoolBinding([own.Split(6, Blocks * Page).Groups[0] with { PhysicalBlocksPerBlock = 0 }]);
        Assert.Throws<ArgumentOutOfRangeException>(() => KvPool<SplitKv>.Bind(pair.A, none, Blocks, Model));
    }

    private static async Task MoveAsync(PoolPair<SplitKv> pair)
    {
        PoolBytes.FillRandom(pair.A, 3);
        PoolBytes.Fill(pair.B, TestMemory.Poison);
        int[] from = [4, 0, 5], to = [1, 5, 2];
        var expected = PoolBytes.Expect(pair.A, PoolBytes.Copy(pair.B), pair.B, 0, from, to);
        var result = await pair.Remote.WriteBlocksAsync(from, to).SoonAsync();
        Assert.Equal(3 * 6 * Page, result.Bytes);
        PoolBytes.AssertEqual(expected, PoolBytes.Copy(pair.B));
    }

    private static KvPoolBinding Ratio3(KvPoolBinding binding) => new([binding.Groups[0] with { PhysicalBlocksPerBlock = 3 }]);
}
