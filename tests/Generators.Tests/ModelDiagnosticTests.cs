using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>A model file that is missing, wrong or says something else than the attribute is one clear diagnostic.</summary>
public sealed class ModelDiagnosticTests
{
    private const string Llama = """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "hidden_size": 8192}""";
    private const string Preset = "[KvPreset(KvEngine.VllmPackedHnd, BlockTokens = 16, CacheType = BFloat16, Model = \"models/m/config.json\")] public readonly partial struct Layout;";

    [Theory]
    [InlineData("NIXL022", "{\n  \"architectures\": [\"LlamaForCausalLM\"\n}", "m/config.json is not JSON: ',' or ']' is expected, at line 3, column 1")]
    [InlineData("NIXL022", "", "ends where a value is expected, at line 1, column 1")]
    [InlineData("NIXL023", """{"architectures": ["GPT2LMHeadModel"]}""",
        "is of GPT2LMHeadModel, whose KV cache is not known here; known are DeepseekV2ForCausalLM, DeepseekV32ForCausalLM, DeepseekV3ForCausalLM, GptOssForCausalLM, LlamaForCausalLM")]
    [InlineData("NIXL024", "{}", "has no \"architectures\"")]
    [InlineData("NIXL024", "[]", "has no \"architectures\"")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_attention_heads": 64, "hidden_size": 8192}""", "m/config.json has no num_hidden_layers")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 80, "num_attention_heads": 64}""", "has no hidden_size")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 80.5, "num_attention_heads": 64, "hidden_size": 8192}""", "num_hidden_layers = 80.5; it must be a whole number from 1 to 4096")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 0, "num_attention_heads": 64, "hidden_size": 8192}""", "num_hidden_layers = 0")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 100000, "num_attention_heads": 64, "hidden_size": 8192}""", "num_hidden_layers = 100000")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": "80", "num_attention_heads": [64], "hidden_size": 8192}""", "num_attention_heads = an array")]
    [InlineData("NIXL024", """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 80, "num_attention_heads": 60, "hidden_size": 8192}""", "hidden_size 8192 is not a multiple of num_attention_heads 60")]
    [InlineData("NIXL024", """{"architectures": ["DeepseekV3ForCausalLM"], "num_hidden_layers": 61, "qk_rope_head_dim": 64}""", "has no kv_lora_rank")]
    [InlineData("NIXL024", """{"architectures": ["GptOssForCausalLM"], "num_hidden_layers": 2, "num_attention_heads": 64, "head_dim": 64}""", "has 0 layer_types for num_hidden_layers = 2")]
    [InlineData("NIXL024", """{"architectures": ["GptOssForCausalLM"], "num_hidden_layers": 2, "num_attention_heads": 64, "head_dim": 64, "layer_types": ["full_attention", "linear_attention"]}""", "has \"linear_attention\" as layer_types[1]")]
    [InlineData("NIXL024", """{"architectures": ["GptOssForCausalLM"], "num_hidden_layers": 2, "num_attention_heads": 64, "head_dim": 64, "layer_types": ["full_attention", "sliding_attention"]}""", "has no sliding_window")]
    public void What_is_wrong_with_the_file_is_said(string id, string text, string message) => AssertOnly(id, message, [TextFile.Model("m", text)], Preset);

    [Fact]
    public void A_file_that_is_not_there_is_reported_with_what_is() => AssertOnly(
        "NIXL021", "those that end in .json are a.json, models/other/config.json; write <AdditionalFiles Include=\"models/m/config.json\" />",
        [TextFile.Model("other", Llama), new TextFile("/project/a.json", "{}"), new TextFile("/project/readme.md", "")], Preset);

    [Fact]
    public void Many_other_files_are_not_all_listed() => AssertOnly(
        "NIXL021", "models/3/config.json, models/4/config.json and 2 more", [.. Enumerable.Range(0, 7).Select(i => TextFile.Model($"{i}", Llama))], Preset);

    [Fact]
    public void A_file_that_is_there_twice_is_reported() => AssertOnly(
        "NIXL021", "names 2 files: models/m/config.json, models/m/config.json",
        [TextFile.Model("m", Llama), new TextFile("/project/models/../models/m/config.json", Llama)], Preset);

    [Theory]
    [InlineData("/project/", "/project/models/m/config.json", "models/m/config.json", true)]
    [InlineData("/project", "/project/models/m/config.json", "./models//m/config.json", true)]
    [InlineData("C:\\project\\", "C:\\project\\models\\m\\config.json", "models/m/config.json", true)]
    [InlineData("/project/", "models/m/config.json", "models/m/config.json", true)]
    [InlineData("/project/", "/shared/m/config.json", "../shared/m/config.json", true)]
    [InlineData("/project/", "/shared/m/config.json", "/shared/m/config.json", true)]
    [InlineData("/project/", "/elsewhere/models/m/config.json", "models/m/config.json", false)]
    [InlineData(null, "/elsewhere/models/m/config.json", "models/m/config.json", true)]
    [InlineData(null, "/elsewhere/mymodels/m/config.json", "models/m/config.json", false)]
    public void Paths_are_compared_from_the_projects_directory(string? directory, string path, string model, bool found)
    {
        var source = Preset.Replace("\"models/m/config.json\"", "@\"" + model + "\"", StringComparison.Ordinal);
        var options = new TestOptions(directory);
        var file = new TextFile(path, Llama);
        GeneratorHarness.CreateDriver(options, file).RunGeneratorsAndUpdateCompilation(GeneratorHarness.Compile(source), out var compiled, out _);
        Assert.Equal(found ? [] : ["NIXL021"], GeneratorHarness.Analyze(compiled, options, file).Select(diagnostic => diagnostic.Id));
    }

    [Theory]
    [InlineData("Layers = 40", "Layers is 40 here, but the model file says 80")]
    [InlineData("KvHeads = 64", "KvHeads is 64 here, but the model file says 8")]
    [InlineData("HeadDim = 64", "HeadDim is 64 here, but the model file says 128")]
    [InlineData("Window = 4096", "Window is 4096 here, but the model file says that there is none")]
    [InlineData("SlidingLayers = [1]", "SlidingLayers is 1 here, but the model file says none")]
    public void A_number_of_a_preset_that_differs_is_reported(string number, string message) =>
        AssertOnly("NIXL025", message, [TextFile.Model("m", Llama)], Preset.Replace("BlockTokens = 16", "BlockTokens = 16, " + number, StringComparison.Ordinal));

    [Fact]
    public void A_number_that_agrees_may_be_repeated() => GeneratorHarness.Generate(
        [TextFile.Model("m", Llama)], Preset.Replace("BlockTokens = 16", "BlockTokens = 16, Layers = 80, KvHeads = 8, HeadDim = 128", StringComparison.Ordinal));

    [Fact]
    public void A_preset_for_the_other_kind_of_cache_is_reported()
    {
        AssertOnly("NIXL025", "VllmPackedHnd holds keys and values by head, but the model file (DeepseekV3ForCausalLM) says latents of 512 + 64",
            [TextFile.Model("m", TextFile.ReadReal("deepseek-r1"))], Preset);
        AssertOnly("NIXL025", "VllmMla holds latents, but the model file (LlamaForCausalLM) says 8 KV heads of 128",
            [TextFile.Model("m", Llama)], Preset.Replace("VllmPackedHnd", "VllmMla", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Layers = 40", "BFloat16", "NIXL025", "Layers is 40 here, but the model file says 80")]
    [InlineData("KvHeads = 64", "BFloat16", "NIXL025", "KvHeads is 64 here, but the model file says 8")]
    [InlineData("Window = 4096", "BFloat16", "NIXL025", "Window is 4096 here")]
    [InlineData("LayerStep = 2", "BFloat16", "NIXL025", "choose other layers than the model file, which says 0..79")]
    [InlineData("LayerIndices = [1]", "BFloat16", "NIXL025", "Layers is 1 here")]
    [InlineData("LayerType = \"sliding_attention\"", "BFloat16", "NIXL026", "no layers of LayerType = \"sliding_attention\": all 80 are of the other kind")]
    [InlineData("LayerType = \"chunked\"", "BFloat16", "NIXL026", "LayerType = \"chunked\" is not known")]
    [InlineData("TokensPerEntry = 1", "BFloat16, Order = \"N D\"", "NIXL026", "Component Key has no shape, and the model file does not give it one: 128 is for components by head")]
    public void A_layout_that_differs_is_reported(string setting, string component, string id, string message) => AssertOnly(
        id, message, [TextFile.Model("m", Llama)], $$"""
        [KvLayout(KvOrder.SplitNhd, Model = "models/m/config.json", BlockTokens = 16, {{setting}})]
        public readonly partial struct Layout
        {
            [KvComponent({{component}})] public static partial KvComponent Key { get; }
            [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
        }
        """);

    [Fact]
    public void Two_components_of_a_latent_need_their_shapes() => AssertOnly(
        "NIXL026", "Component Rope has no shape, and the model file does not give it one: a latent of 512 and its rope part of 64",
        [TextFile.Real("deepseek-r1")], """
        [KvLayout(KvOrder.MlaAlternating, Model = "models/deepseek-r1/config.json", BlockTokens = 64)]
        public readonly partial struct Layout
        {
            [KvComponent(Fp8E4M3, 512)] public static partial KvComponent Latent { get; }
            [KvComponent(BFloat16)] public static partial KvComponent Rope { get; }
        }
        """);

    [Theory]
    [InlineData("LayerType = \"full_attention\", Window = 128", "NIXL025", "Window is 128 here, but the model file says that there is none")]
    [InlineData("LayerType = \"full_attention\", Layers = 24", "NIXL025", "Layers is 24 here, but the model file says 12")]
    [InlineData("LayerType = \"full_attention\", FirstLayer = 0, LayerStep = 1, LayerIndices = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]", "NIXL025", "which says 1..23/2")]
    [InlineData("Layers = 12, FirstLayer = 13", "NIXL025", "The group's last layer is 24, but the model file has the layers 0 … 23")]
    [InlineData("LayerIndices = [3, 24]", "NIXL025", "The group's last layer is 24")]
    public void A_group_that_differs_is_reported(string setting, string id, string message) => AssertOnly(
        id, message, [TextFile.Real("gpt-oss-20b")], Groups("Model = \"models/gpt-oss-20b/config.json\"", setting));

    [Theory]
    [InlineData("LayerType = \"full_attention\", Layers = 12, FirstLayer = 1, LayerStep = 2")]
    [InlineData("Layers = 12, FirstLayer = 1, LayerStep = 2, KvHeads = 8")]
    [InlineData("LayerIndices = [1, 3, 23], Window = 64")]
    public void A_group_that_agrees_or_chooses_by_number_is_fine(string setting) =>
        GeneratorHarness.Generate([TextFile.Real("gpt-oss-20b")], Groups("Model = \"models/gpt-oss-20b/config.json\"", setting));

    [Fact]
    public void One_group_for_layers_of_two_kinds_holds_all_with_full_context()
    {
        var layout = Assert.Single(SharedPipeline.Resolve(GeneratorHarness.Compile("""
            [KvLayout(KvOrder.CrossLayer, Model = "models/gpt-oss-20b/config.json", BlockTokens = 16)]
            public readonly partial struct Layout
            {
                [KvComponent(BFloat16)] public static partial KvComponent Key { get; }
                [KvComponent(BFloat16)] public static partial KvComponent Value { get; }
            }
            """), TextFile.Real("gpt-oss-20b"))).Layout!;
        Assert.Equal((24, 0), (layout.Schema.Groups[0].Layers, layout.Schema.Groups[0].Window));
    }

    [Fact]
    public void LayerType_without_a_model_is_reported() =>
        AssertOnly("NIXL026", "name the file with Model", [], Groups("TpSizes = [1]", "LayerType = \"full_attention\", Layers = 2, KvHeads = 8"));

    [Theory]
    [InlineData("\"use_sliding_window\": true, \"sliding_window\": 4096, \"max_window_layers\": 3", "0..2", "3..3")]
    [InlineData("\"use_sliding_window\": true, \"sliding_window\": 4096, \"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]", "1..3", "0..0")]
    public void Qwen_may_have_windows_in_some_layers(string fields, string full, string sliding)
    {
        var text = "{\"architectures\": [\"Qwen2ForCausalLM\"], \"num_hidden_layers\": 4, \"num_attention_heads\": 8, \"head_dim\": 64, " + fields + "}";
        var layout = Assert.Single(SharedPipeline.Resolve(GeneratorHarness.Compile(Preset), TextFile.Model("m", text))).Layout!;
        var groups = layout.Schema.Groups.Select(group => (group.Name, Range(group.LayerNumbers().ToArray()), group.Window));
        Assert.Equal([("Full", full, 0), ("Sliding", sliding, 4096)], groups);
    }

    [Theory]
    [InlineData("\"sliding_window\": 4096, \"max_window_layers\": 0", 4096)]
    [InlineData("\"sliding_window\": 4096, \"max_window_layers\": 4", 0)]
    [InlineData("\"sliding_window\": null, \"max_window_layers\": 3", 0)]
    public void Qwen_may_have_windows_in_all_layers_or_in_none(string fields, int window)
    {
        var text = "{\"architectures\": [\"Qwen2ForCausalLM\"], \"num_hidden_layers\": 4, \"num_attention_heads\": 8, \"head_dim\": 64, " +
            "\"use_sliding_window\": true, " + fields + "}";
        var result = Assert.Single(SharedPipeline.Resolve(GeneratorHarness.Compile(Preset), TextFile.Model("m", text)));
        Assert.Empty(result.Diagnostics);
        var group = Assert.Single(result.Layout!.Schema.Groups);
        Assert.Equal((4, window), (group.Layers, group.Window));
    }

    [Fact]
    public void Sparse_attention_takes_its_indexer_from_the_file()
    {
        var text = TextFile.ReadReal("deepseek-r1").Replace("DeepseekV3ForCausalLM\"", "DeepseekV32ForCausalLM\"", StringComparison.Ordinal)
            .Replace("\"kv_lora_rank\"", "\"index_head_dim\": 128, \"kv_lora_rank\"", StringComparison.Ordinal);
        var layout = Assert.Single(SharedPipeline.Resolve(GeneratorHarness.Compile(
            "[KvPreset(KvEngine.VllmFp8DsMlaSparse, BlockTokens = 64, Model = \"models/m/config.json\")] public readonly partial struct Layout;"),
            TextFile.Model("m", text)));
        Assert.Empty(layout.Diagnostics);
        Assert.Equal(128, layout.Layout!.Schema.Groups[1].Components[0].Shape[0]);
    }

    private static string Range(int[] layers) => layers[0] + ".." + layers[^1];

    private static string Groups(string layout, string group) => $$"""
        [KvLayout({{layout}})]
        public readonly partial struct Layout
        {
            [KvGroup(KvOrder.FlashInferHnd, BlockTokens = 16, {{group}})]
            public readonly partial struct Only
            {
                [KvComponent(BFloat16, 64)] public static partial KvComponent Key { get; }
                [KvComponent(BFloat16, 64)] public static partial KvComponent Value { get; }
            }
        }
        """;

    private static void AssertOnly(string id, string message, AdditionalText[] files, string source)
    {
        var (reported, errors) = GeneratorHarness.Diagnose(
            files, source, "public static class User { public static string Text = Layout.CanonicalText + Layout.Fingerprint + Layout.Schema.Name; }");
        Assert.Empty(errors);
        var diagnostic = Assert.Single(reported);
        Assert.Equal((id, DiagnosticSeverity.Error), (diagnostic.Id, diagnostic.Severity));
        Assert.Contains(message, diagnostic.GetMessage(null), StringComparison.Ordinal);
    }
}
