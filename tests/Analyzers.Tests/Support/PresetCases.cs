namespace Nixl.Sdk.Analyzers.Tests.Support;

/// <summary>One case for each diagnostic of presets and model files.</summary>
internal static class PresetCases
{
    private const string Numbers = "Layers = 80, KvHeads = 8, HeadDim = 128, BlockTokens = 64, CacheType = BFloat16";
    private const string Good = $"[KvPreset(KvEngine.VllmPackedHnd, {Numbers})] public readonly partial struct Layout;";
    private const string FromFile = "[KvPreset(KvEngine.VllmPackedHnd, BlockTokens = 64, CacheType = BFloat16, Model = \"models/m/config.json\")] public readonly partial struct Layout;";
    private const string Config = """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "hidden_size": 8192}""";

    private const string WrittenOut = "[KvLayout(KvOrder.SplitNhd, BlockTokens = 128, Model = \"models/m/config.json\")] public readonly partial struct Layout { " +
        "[KvComponent(BFloat16)] public static partial KvComponent Key { get; } [KvComponent(BFloat16)] public static partial KvComponent Value { get; } }";

    public static readonly Case[] All =
    [
        new("NIXL019", Good.Replace("Layers = 80, ", "", StringComparison.Ordinal), Attribute(Good).Replace("Layers = 80, ", "", StringComparison.Ordinal), Good),
        new("NIXL020", Good.Replace("] public", "] [KvLayout(KvOrder.Mla, Layers = 61, BlockTokens = 128)] public", StringComparison.Ordinal)
            .Replace("Layout;", "Layout { [KvComponent(BFloat16, 576)] public static partial KvComponent Latent { get; } }", StringComparison.Ordinal), Attribute(Good), Good),
        new("NIXL021", FromFile, Attribute(FromFile), FromFile) { ModelThatIsSilent = Config },
        new("NIXL022", FromFile, Attribute(FromFile), FromFile) { ModelThatFires = Config[..^1], ModelThatIsSilent = Config },
        new("NIXL023", FromFile, Attribute(FromFile), FromFile)
        {
            ModelThatFires = Config.Replace("LlamaForCausalLM", "GPT2LMHeadModel", StringComparison.Ordinal), ModelThatIsSilent = Config,
        },
        new("NIXL024", FromFile, Attribute(FromFile), FromFile)
        {
            ModelThatFires = Config.Replace("num_hidden_layers", "layers", StringComparison.Ordinal), ModelThatIsSilent = Config,
        },
        new("NIXL025", FromFile.Replace("BlockTokens", "Layers = 40, BlockTokens", StringComparison.Ordinal),
            Attribute(FromFile).Replace("BlockTokens", "Layers = 40, BlockTokens", StringComparison.Ordinal),
            FromFile.Replace("BlockTokens", "Layers = 80, BlockTokens", StringComparison.Ordinal)) { ModelThatFires = Config, ModelThatIsSilent = Config },
        new("NIXL026", WrittenOut.Replace("BlockTokens", "LayerType = \"chunked\", BlockTokens", StringComparison.Ordinal),
            Attribute(WrittenOut).Replace("BlockTokens", "LayerType = \"chunked\", BlockTokens", StringComparison.Ordinal), WrittenOut)
        {
            ModelThatFires = Config, ModelThatIsSilent = Config,
        },
    ];

    private static string Attribute(string layout) => layout[1..layout.IndexOf(']', StringComparison.Ordinal)];
}
