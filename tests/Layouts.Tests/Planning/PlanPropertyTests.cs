using CsCheck;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Planning;

/// <summary>Plans of random shapes and orders against the naive reference: every element, every byte, every piece.</summary>
public sealed class PlanPropertyTests
{
    private const int Cases = 800;

    [Fact]
    public void Every_element_lies_where_counting_bytes_puts_it() => ForAll((group, naive, plan) =>
    {
        Assert.Equal(naive.TensorBytes, plan.Tensors.Select(tensor => tensor.Bytes));
        foreach (var (element, expected) in naive.Elements)
        {
            Assert.Equal(expected, plan.Components[element.Component].Locate(
                element.Layer, element.Block, element.Head, element.Entry, element.Element));
        }
    });

    [Fact]
    public void The_pieces_of_a_block_are_its_transferred_bytes_each_once_and_as_long_as_they_can_be() => ForAll((group, naive, plan) =>
    {
        for (var block = 0; block < group.Blocks; block++)
        {
            var expected = naive.Elements
                .Where(element => element.Key.Block == block && group.Transfer[element.Key.Component])
                .SelectMany(element => Enumerable.Range(0, group.ElementBytes[element.Key.Component])
                    .Select(i => (element.Value.TensorIndex, Byte: element.Value.Offset + i)))
                .Order().ToList();
            var pieces = plan.Regions.Select(region => (region.TensorIndex, Start: region.Offset + block * region.Stride, region.Length)).ToList();
            var actual = pieces.SelectMany(piece => Enumerable.Range(0, (int)piece.Length).Select(i => (piece.TensorIndex, Byte: piece.Start + i)));
            Assert.Equal(expected, actual.Order());
            Assert.Equal(CountRuns(expected), pieces.Count);
            Assert.Equal(expected.Count, plan.BytesPerBlock);
        }
    });

    [Fact]
    public void Regions_stand_in_the_order_of_tensor_and_offset() => ForAll((_, _, plan) =>
        Assert.Equal(plan.Regions.OrderBy(region => (region.TensorIndex, region.Offset)), plan.Regions));

    [Fact]
    public void A_region_of_one_layer_holds_bytes_of_that_layer_only() => ForAll((group, naive, plan) =>
    {
        var layers = naive.Elements.ToLookup(element => element.Value, element => element.Key.Layer);
        foreach (var region in plan.Regions.Where(region => region.Layer >= 0))
        {
            for (var i = 0L; i < region.Length; i++)
                Assert.All(layers[new KvLocation(region.TensorIndex, region.Offset + i)], layer => Assert.Equal(region.Layer, layer));
        }
    });

    [Fact]
    public void The_canonical_text_is_read_back_as_the_same_layout() => ForAll((group, _, _) =>
    {
        var text = LayoutText.Canonical(group.Schema with { Groups = [group.Schema.Groups[0]] });
        var read = LayoutTextParser.Parse(text, out var error);
        Assert.True(read is not null, error + "\n" + text);
        Assert.Empty(SchemaDiff.Compare(group.Schema, read));
        Assert.Equal(LayoutFingerprint.Of(group.Schema), LayoutFingerprint.Of(read));
    });

    private static int CountRuns(List<(int Tensor, long Byte)> bytes)
    {
        var runs = 0;
        for (var i = 0; i < bytes.Count; i++)
        {
            if (i == 0 || bytes[i].Tensor != bytes[i - 1].Tensor || bytes[i].Byte != bytes[i - 1].Byte + 1)
                runs++;
        }
        return runs;
    }

    private static void ForAll(Action<NaiveGroup, NaiveCache, KvGroupPlan> check)
    {
        Gen.Int[0, int.MaxValue - 1].Sample(seed =>
        {
            var group = new NaiveGroup(seed);
            var plan = KvPlan.Create(group.Schema, new KvParallel(group.Tp, group.TpRank), group.Blocks);
            check(group, new NaiveCache(group), plan.Groups[0]);
        }, iter: Cases, threads: 1);
    }
}
