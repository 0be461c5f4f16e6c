using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>The generated code of every kind of layout, to be read by a person when it changes.</summary>
public sealed class LayoutSnapshots
{
    private const string KeyValue = """
        {
            [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
            [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
        }
        """;

    [Fact]
    public void Split_keys_and_values_tokens_outside_heads() => Check("""
        namespace Models;
        [KvLayout(KvOrder.SplitNhd, Layers = 80, BlockTokens = 16, KvHeads = 8, TpSizes = [4, 8])]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Split_keys_and_values_heads_outside_tokens() => Check("""
        [KvLayout(KvOrder.SplitHnd, Layers = 80, BlockTokens = 16, KvHeads = 8)]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Two_strips_in_one_tensor() => Check("""
        [KvLayout(KvOrder.FlashAttention, Layers = 80, BlockTokens = 16, KvHeads = 8)]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Packed_per_layer() => Check("""
        [KvLayout(KvOrder.PackedHnd, Layers = 80, BlockTokens = 16, KvHeads = 8)]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Cross_layer_blocks() => Check("""
        [KvLayout(KvOrder.CrossLayer, Layers = 80, BlockTokens = 16, KvHeads = 8)]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Heads_outside_blocks() => Check("""
        [KvLayout(KvOrder.PackedLhbnc, Layers = 4, BlockTokens = 16, KvHeads = 8)]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Latent_in_one_component() => Check("""
        [KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 16)]
        public readonly partial struct Layout
        {
            [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
        }
        """);

    [Fact]
    public void Latent_scale_and_rope_alternating_with_an_indexer_group() => Check("""
        namespace Models;
        [KvLayout]
        public readonly partial struct Layout
        {
            [KvGroup(KvOrder.MlaAlternating, Layers = 61, BlockTokens = 64)]
            public readonly partial struct Mla
            {
                [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
                [KvComponent(Float32, 4, ScaleOf = nameof(Latent))] public static partial KvComponent Scale { get; }
                [KvComponent(BFloat16, 64)] public static partial KvComponent Rope { get; }
            }

            [KvGroup(KvOrder.Indexer, Layers = 61, BlockTokens = 64)]
            public readonly partial struct Indexer
            {
                [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
                [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
            }
        }
        """);

    [Fact]
    public void Token_pool() => Check("""
        [KvLayout(KvOrder.TokenPool, Layers = 80, BlockTokens = 1, KvHeads = 8)]
        public readonly partial struct Layout
        """ + KeyValue);

    [Fact]
    public void Tiled_keys() => Check("""
        [KvLayout("L P | B H N D", Layers = 80, BlockTokens = 16, KvHeads = 8)]
        public readonly partial struct Layout
        {
            [KvComponent(BFloat16, 128, Order = "H D/8 N D%8")] public static partial KvComponent Key { get; }
            [KvComponent(BFloat16, 128, Order = "H D N")] public static partial KvComponent Value { get; }
        }
        """);

    [Fact]
    public void State_pages_with_padding_and_units() => Check("""
        [KvLayout(KvOrder.State, Layers = 23, PageAlign = 4096)]
        public readonly partial struct Layout
        {
            [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
            [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
            [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
            [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
        }
        """);

    [Fact]
    public void Full_and_sliding_groups_with_shared_block_ids_and_a_skipped_component() => Check("""
        [KvLayout]
        public readonly partial struct Layout
        {
            [KvGroup(KvOrder.FlashInferHnd, Layers = 12, FirstLayer = 1, LayerStep = 2, BlockTokens = 16, KvHeads = 8, Pool = "kv")]
            public readonly partial struct Full
            {
                [KvComponent(Fp8E4M3, 64)] public static partial KvComponent Key { get; }
                [KvComponent(Fp8E4M3, 64)] public static partial KvComponent Value { get; }
                [KvComponent(Float32, 1, ScaleOf = nameof(Key), Transfer = false)] public static partial KvComponent KeyScale { get; }
            }

            [KvGroup(KvOrder.FlashInferHnd, LayerIndices = [0, 2, 5], BlockTokens = 16, KvHeads = 8, Window = 128, TokensPerEntry = 4, Pool = "kv")]
            public readonly partial struct Sliding
            {
                [KvComponent(BFloat16, 64)] public static partial KvComponent Key { get; }
                [KvComponent(BFloat16, 64)] public static partial KvComponent Value { get; }
            }
        }
        """);

    [Fact]
    public void Attention_and_state_overlaid_in_the_same_tensors() => Check("""
        [KvLayout]
        public readonly partial struct Layout
        {
            [KvGroup(KvOrder.FlashInferHnd, Layers = 6, FirstLayer = 3, LayerStep = 4, BlockTokens = 16, KvHeads = 8, Pool = "kv", Share = KvShare.Overlay)]
            public readonly partial struct Full
            {
                [KvComponent(BFloat16, 128)] public static partial KvComponent Key { get; }
                [KvComponent(BFloat16, 128)] public static partial KvComponent Value { get; }
            }

            [KvGroup(KvOrder.State, Layers = 6, LayerStep = 4, Pool = "kv", Share = KvShare.Overlay)]
            public readonly partial struct State
            {
                [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent Conv { get; }
                [KvComponent(Float32, 8, 64, 16, Shard = KvShard.Units, Units = 8)] public static partial KvComponent Ssm { get; }
            }
        }
        """);

    [Fact]
    public void Latent_and_indexer_one_behind_the_other_in_one_page() => Check("""
        [KvLayout]
        public readonly partial struct Layout
        {
            [KvGroup(KvOrder.Mla, Layers = 61, BlockTokens = 64, Pool = "kv", Share = KvShare.Concat)]
            public readonly partial struct Mla
            {
                [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; }
            }

            [KvGroup(KvOrder.Indexer, Layers = 61, BlockTokens = 64, Pool = "kv", Share = KvShare.Concat)]
            public readonly partial struct Indexer
            {
                [KvComponent(Fp8E4M3, 128)] public static partial KvComponent Key { get; }
                [KvComponent(Float32, 1, ScaleOf = nameof(Key))] public static partial KvComponent Scale { get; }
            }
        }
        """);

    [Fact]
    public void Nested_internal_record() => Check("""
        namespace Models.@namespace;
        public static partial class Outer
        {
            internal partial record struct Middle
            {
                [KvLayout(KvOrder.SplitNhd, Layers = 2, BlockTokens = 4, KvHeads = 2)]
                internal sealed partial record @class
                {
                    [KvComponent(Float16, 8)] internal static partial KvComponent @event { get; }
                    [KvComponent(Float16, 8)] internal static partial KvComponent Value { get; }
                }
            }
        }
        """);

    private static void Check(string source, [System.Runtime.CompilerServices.CallerMemberName] string method = "")
    {
        var generated = Assert.Single(GeneratorHarness.Generate(source).GeneratedTrees);
        Snapshot.Verify(generated.ToString(), method: method);
    }
}
