using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Layouts.Tests.Layouts;

// Layouts whose numbers come from the config.json files in models/.

[KvPreset(KvEngine.VllmPackedHnd, Model = "models/llama-3.1-70b/config.json", BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct LlamaFromConfig;

[KvPreset(KvEngine.SglangMha, Model = "models/qwen3-32b/config.json", BlockTokens = 64, CacheType = BFloat16)]
public readonly partial struct QwenFromConfig;

[KvPreset(KvEngine.VllmMla, Model = "models/deepseek-r1/config.json", BlockTokens = 64, CacheType = BFloat16)]
public readonly partial struct DeepSeekFromConfig;

[KvPreset(KvEngine.VllmFlashInferHnd, Model = "models/gpt-oss-20b/config.json", BlockTokens = 16, CacheType = BFloat16)]
public readonly partial struct GptOssFromConfig;

[KvLayout(KvOrder.SplitHnd, Model = "models/mistral-7b-v0.3/config.json", BlockTokens = 16)]
public readonly partial struct MistralFromConfig
{
    [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
    [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
}

[KvLayout(Model = "models/gpt-oss-20b/config.json")]
public readonly partial struct GptOssGroupsFromConfig
{
    [KvGroup(KvOrder.FlashInferHnd, LayerType = "full_attention", BlockTokens = 16)]
    public readonly partial struct Full
    {
        [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
    }

    [KvGroup(KvOrder.FlashInferHnd, LayerType = "sliding_attention", BlockTokens = 16)]
    public readonly partial struct Sliding
    {
        [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
        [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
    }
}
