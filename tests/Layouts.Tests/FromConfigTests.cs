using Nixl.Sdk.Layouts.Tests.Layouts;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests;

/// <summary>The published shapes of real models, read from their config.json by the compiler.</summary>
public sealed class FromConfigTests
{
    [Fact]
    public void Llama_is_80_layers_of_8_heads_of_128() => Assert.Equal(VllmPackedHnd.Fingerprint, LlamaFromConfig.Fingerprint);

    [Fact]
    public void Qwen_is_64_layers_of_8_heads_of_128()
    {
        Assert.Equal((64, 8, 64), (QwenFromConfig.Layers, QwenFromConfig.KvHeads, QwenFromConfig.BlockTokens));
        Assert.Equal([128], QwenFromConfig.Key.Schema.Shape);
    }

    [Fact]
    public void DeepSeek_is_61_layers_of_a_latent_of_576() => Assert.Equal(61 * 73_728, DeepSeekFromConfig.BytesPerBlock);

    [Fact]
    public void Mistral_is_32_layers_of_8_heads_of_128_without_a_window()
    {
        Assert.Equal(2 * 32 * 8 * 128 * 2, MistralFromConfig.BytesPerToken);
        Assert.Equal(0, MistralFromConfig.Schema.Groups[0].Window);
    }

    [Fact]
    public void Gpt_oss_is_two_groups_of_12_layers_beginning_with_a_sliding_one()
    {
        Assert.Equal(Enumerable.Range(0, 12).Select(i => 2 * i), GptOssFromConfig.Schema.Groups[GptOssFromConfig.Sliding.Key.GroupIndex].LayerNumbers());
        Assert.Equal(Enumerable.Range(0, 12).Select(i => 2 * i + 1), GptOssFromConfig.Schema.Groups[GptOssFromConfig.Full.Key.GroupIndex].LayerNumbers());
        Assert.Equal([0, 128], GptOssFromConfig.Schema.Groups.Select(group => group.Window));
        Assert.Equal(2 * 12 * 8 * 64 * 2, GptOssFromConfig.Full.BytesPerToken);
    }

    [Fact]
    public void Groups_written_out_by_layer_type_are_those_of_the_preset() =>
        Assert.Equal(GptOssFromConfig.Fingerprint, GptOssGroupsFromConfig.Fingerprint);
}
