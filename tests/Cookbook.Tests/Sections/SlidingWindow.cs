using Nixl.Sdk.Cookbook.Tests.Support;
using Nixl.Sdk.Planning;
using Xunit;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region Sliding window
[KvLayout(KvOrder.FlashInferHnd, Layers = 32, BlockTokens = 16, KvHeads = 8, Window = 4096)]
public readonly partial struct Mistral7B
{
    [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
}
#endregion

#region Sliding window
[KvPreset(KvEngine.VllmFlashInferHnd, Layers = 32, KvHeads = 8, HeadDim = 128, BlockTokens = 16, CacheType = BFloat16,
    Window = 4096)]
public readonly partial struct Mistral7BPreset;
#endregion

[KvLayout(KvOrder.FlashInferHnd, Layers = 2, BlockTokens = 7, KvHeads = 4, Window = 15)]
public readonly partial struct TinySliding
{
    [KvComponent(BFloat16, 5)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16, 5)] public static partial KvComponent Value { get; }
}

public sealed class SlidingWindow : SectionTests
{
    public override string Heading => "Sliding window";

    public override IEnumerable<CheckValue> CheckValues => [CheckValue.Of("Mistral-7B-v0.1", Mistral7B.Schema, 1, 16, (32, 65_536))];

    [Theory]
    [InlineData(4096, 16, 257)]
    [InlineData(128, 16, 9)]
    [InlineData(128, 64, 3)]
    [InlineData(15, 7, 4)]
    [InlineData(1, 16, 2)]
    [InlineData(int.MaxValue, 2, 1_073_741_825)]
    public void A_window_covers_its_blocks_and_one_more(int window, int blockTokens, int blocks) =>
        Assert.Equal(blocks, LayoutMath.WindowBlocks(window, blockTokens));

    [Fact]
    public void No_window_of_any_position_needs_more_blocks()
    {
        for (var window = 1; window < 40; window++)
        {
            for (var tokens = 1; tokens < 12; tokens++)
            {
                var most = Enumerable.Range(0, 200).Max(first => (first + window - 1) / tokens - first / tokens + 1);
                Assert.InRange(LayoutMath.WindowBlocks(window, tokens), most, most + 1);
            }
        }
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(-1, 16)]
    [InlineData(128, 0)]
    public void A_window_or_a_block_without_tokens_is_refused(int window, int blockTokens) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => LayoutMath.WindowBlocks(window, blockTokens));

    [Fact]
    public async Task Only_the_blocks_of_the_window_are_written()
    {
        var group = VllmFlashInferHnd.Naive(Part.Whole(4));
        await using var a = await Side<TinySliding>.CreateAsync("a", NixlTransports.Loopback, Memory.Allocated, [group], [9]);
        await using var b = await Side<TinySliding>.CreateAsync("b", NixlTransports.Loopback, Memory.Allocated, [group], [8]);
        await using var remote = a.Pool.Connect(await a.Agent.ConnectAsync(b.Agent.ExportMetadata()));
        a.FillRandom(new Random(3));
        b.Poison();
        var (source, expected) = (a.Copy(), b.Copy());
        int[] local = [8, 2, 5, 0, 7, 3], there = [1, 6, 0, 7, 4, 2];
        for (var i = 2; i < 6; i++) // a window of 15 in blocks of 7: the last 4 of 6
            group.Copy(a.TensorsOf(source, 0), 9, local[i], b.TensorsOf(expected, 0), 8, there[i]);
        await SendWindowAsync(remote, local, there);
        b.AssertIs(expected, "the window's blocks");
    }

    #region Sliding window
    /// <summary>Sends a prompt's blocks as far back as the window reaches; the rest will never be read again.</summary>
    public static ValueTask<TransferResult> SendWindowAsync<TLayout>(
        RemoteKvPool<TLayout> remote, ReadOnlySpan<int> local, ReadOnlySpan<int> there)
        where TLayout : IKvLayout<TLayout>
    {
        var group = TLayout.Schema.Groups[0];
        var count = Math.Min(local.Length, LayoutMath.WindowBlocks(group.Window, group.BlockTokens));
        return remote.WriteBlocksAsync(local[^count..], there[^count..]);
    }
    #endregion
}
