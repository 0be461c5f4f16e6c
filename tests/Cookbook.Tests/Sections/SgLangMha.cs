using Nixl.Sdk.Cookbook.Tests.Support;
using Nixl.Sdk.Planning;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region SGLang MHA
[KvLayout(KvOrder.TokenPool, Layers = 80, BlockTokens = 64, KvHeads = 8, TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaSgLang
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
#endregion

#region SGLang MHA
[KvPreset(KvEngine.SglangMha, Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 64, CacheType = BFloat16,
    TpSizes = [1, 2, 4, 8])]
public readonly partial struct LlamaSgLangPreset;
#endregion

[KvLayout(KvOrder.TokenPool, Layers = 2, BlockTokens = 1, KvHeads = 3)]
public readonly partial struct TinySgLang1
{
    [KvComponent(BFloat16, 5)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 5)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.TokenPool, Layers = 2, BlockTokens = 16, KvHeads = 3)]
public readonly partial struct TinySgLang16
{
    [KvComponent(BFloat16, 5)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 5)] public static partial KvComponent Value { get; }
}

[KvLayout(KvOrder.TokenPool, Layers = 2, BlockTokens = 64, KvHeads = 3)]
public readonly partial struct TinySgLang64
{
    [KvComponent(BFloat16, 5)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 5)] public static partial KvComponent Value { get; }
}

public sealed class SgLangMha : SectionTests
{
    private const int L = 2, H = 3, D = 5;

    public override string Heading => "SGLang MHA";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Llama-3.1-70B", LlamaSgLang.Schema, 8, 1, (160, 256)),
        CheckValue.Of("Llama-3.1-70B", LlamaSgLang.Schema, 8, 16, (160, 4096)),
        CheckValue.Of("Llama-3.1-70B", LlamaSgLang.Schema, 8, 64, (160, 16_384)),
    ];

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_slots_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinySgLang1>(transports, memory, [Naive(1)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_pages_of_16_slots_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinySgLang16>(transports, memory, [Naive(16)]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_pages_of_64_slots_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinySgLang64>(transports, memory, [Naive(64)]);

    [Fact]
    public async Task Runs_of_consecutive_slots_move()
    {
        // 200 slots as 3 runs here and 2 runs there: nothing but slot ids is needed.
        int[] from = [.. Enumerable.Range(150, 40), .. Enumerable.Range(3, 20), .. Enumerable.Range(60, 64)];
        int[] to = [.. Enumerable.Range(1, 100), .. Enumerable.Range(180, 24)];
        await MoveAsync<TinySgLang1>(Naive(1), 210, from, 204, to);
    }

    [Fact]
    public async Task The_slots_of_a_request_are_the_pages_that_move()
    {
        // 150 tokens: two full pages of 64 and one of which 22 slots are used.
        int[] here = [.. Enumerable.Range(3 * 64, 64), .. Enumerable.Range(0, 64), .. Enumerable.Range(5 * 64, 22)];
        int[] there = [.. Enumerable.Range(64, 64), .. Enumerable.Range(4 * 64, 64), .. Enumerable.Range(2 * 64, 22)];
        var (from, to) = (PagesOf<TinySgLang64>(here), PagesOf<TinySgLang64>(there));
        Assert.Equal([3, 0, 5], from);
        Assert.Equal([1, 4, 2], to);
        await MoveAsync<TinySgLang64>(Naive(64), 6, from, 5, to);
    }

    [Fact]
    public void With_pages_of_one_slot_the_slots_are_the_pages()
    {
        Assert.Equal([7, 3, 12, 13], PagesOf<TinySgLang1>([7, 3, 12, 13]));
        Assert.Empty(PagesOf<TinySgLang1>([]));
    }

    [Theory]
    [InlineData(new[] { 8, 9, 10, 11, 13 }, "Slot 13 of token 4 is not slot 0 of a page of 4")]
    [InlineData(new[] { 9, 10 }, "Slot 9 of token 0 is not slot 0")]
    [InlineData(new[] { 8, 9, 11 }, "Slot 11 of token 2 is not slot 2 of a page of 4 behind slot 9")]
    [InlineData(new[] { 8, 9, 6, 7 }, "Slot 6 of token 2 is not slot 2 of a page of 4 behind slot 9")]
    [InlineData(new[] { -4 }, "Slot -4 of token 0")]
    public void Slots_that_do_not_fill_pages_in_order_are_refused(int[] slots, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => KvSlots.ToPages(slots, 4, new int[4])).Message, StringComparison.Ordinal);

    [Fact]
    public void Too_little_room_and_impossible_pages_are_refused()
    {
        Assert.Contains("5 slots are 2 pages of 4", Assert.Throws<ArgumentException>(
            () => KvSlots.ToPages([0, 1, 2, 3, 4], 4, new int[1])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => KvSlots.ToPages([0], 0, new int[1]));
    }

    #region SGLang MHA
    /// <summary>The pages, which are block ids, of a request whose tokens lie in these slots of the pool.</summary>
    public static int[] PagesOf<TLayout>(ReadOnlySpan<int> slots)
        where TLayout : IKvLayout<TLayout>
    {
        var pageTokens = TLayout.Schema.Groups[0].BlockTokens;
        var pages = new int[LayoutMath.BlocksFor(slots.Length, pageTokens)];
        KvSlots.ToPages(slots, pageTokens, pages);
        return pages;
    }
    #endregion

    private static async Task MoveAsync<T>(NaiveGroup group, int blocksA, int[] from, int blocksB, int[] to)
        where T : IKvLayout<T>
    {
        await using var a = await Side<T>.CreateAsync("a", NixlTransports.Loopback, Memory.Allocated, [group], [blocksA]);
        await using var b = await Side<T>.CreateAsync("b", NixlTransports.Loopback, Memory.Allocated, [group], [blocksB]);
        await using var remote = a.Pool.Connect(await a.Agent.ConnectAsync(b.Agent.ExportMetadata()));
        await b.Agent.ConnectAsync(a.Agent.ExportMetadata());
        await Moves.MoveAsync(TransferOperation.Write, remote, a, b, group, 0, from, to, new Random(1));
        await Moves.MoveAsync(TransferOperation.Read, remote, a, b, group, 0, from, to, new Random(2));
    }

    /// <summary>Per layer K and V: [slots, H, D]; page b is the slots from b · page on.</summary>
    private static NaiveGroup Naive(int page) => new(
        B => NaiveGroup.Same(2 * L, (long)B * page * H * D * 2),
        (B, b) =>
            from l in Upto(L) from kv in Upto(2) from n in Upto(page) from h in Upto(H) from d in Upto(D)
            select new Place(2 * l + kv, (((b * (long)page + n) * H + h) * D + d) * 2, 2, new(kv, l, h, n, d)));
}
