extern alias Generator;

using Nixl.Sdk.Planning;
using Xunit;
using GeneratorText = Generator::Nixl.Sdk.Planning.LayoutText;
using GeneratorTextParser = Generator::Nixl.Sdk.Planning.LayoutTextParser;
using GeneratorPrint = Generator::Nixl.Sdk.Planning.LayoutFingerprint;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>The planner is compiled twice, into the generator and into the SDK. Both copies must say the same.</summary>
public sealed class PlanningCopiesTests
{
    public static TheoryData<string> Orders() =>
    [
        KvOrder.SplitNhd, KvOrder.SplitHnd, KvOrder.FlashAttention, KvOrder.FlashInferNhd, KvOrder.FlashInferHnd, KvOrder.PackedHnd,
        KvOrder.PackedNhd, KvOrder.PackedLbhnc, KvOrder.PackedLbnhc, KvOrder.PackedLhbnc, KvOrder.PackedBhlnc, KvOrder.CrossLayer,
        KvOrder.CrossLayerNhd, KvOrder.TensorRtLlm, KvOrder.TokenPool, KvOrder.LmCacheChunk,
    ];

    [Theory]
    [MemberData(nameof(Orders))]
    public void Both_copies_write_the_same_text_and_hashes(string order)
    {
        var schema = new KvSchema("Layout",
        [
            new KvGroupSchema("kv", order)
            {
                Layers = 6, BlockTokens = 16, KvHeads = 4, FirstLayer = 1, LayerStep = 2, Window = 64,
                Components =
                [
                    new("Key", ElementType.BFloat16, [64]),
                    new("Value", ElementType.Fp8E4M3, [64]),
                    new("Scale", ElementType.Float32, [1]) { ScaleOf = "Value", Transfer = false },
                ],
            },
        ]);
        var text = LayoutText.Canonical(schema);
        var there = GeneratorTextParser.Parse(text, out var error);
        Assert.True(there is not null, error);
        Assert.Equal(text, GeneratorText.Canonical(there));
        Assert.Equal(LayoutText.Content(schema), GeneratorText.Content(there));
        Assert.Equal(LayoutFingerprint.Of(schema).Whole.ToHex(), GeneratorPrint.Of(there).Whole.ToHex());
    }

    [Fact]
    public void Both_copies_are_made_of_the_same_types()
    {
        static IEnumerable<string> Names(Type marker) => marker.Assembly.GetTypes()
            .Where(type => type.Namespace == "Nixl.Sdk.Planning" && !type.Name.Contains('<', StringComparison.Ordinal))
            .Select(type => type.FullName!).Order(StringComparer.Ordinal);
        Assert.Equal(Names(typeof(KvPlan)), Names(typeof(GeneratorText)));
        Assert.NotSame(typeof(KvPlan).Assembly, typeof(GeneratorText).Assembly);
    }
}
