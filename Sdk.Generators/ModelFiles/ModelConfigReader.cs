using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;
using static System.FormattableString;

namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>Reads a Hugging Face config.json into what it says about the KV cache.</summary>
internal static class ModelConfigReader
{
    private static readonly Dictionary<string, Func<ModelFields, string, ModelConfig>> Architectures = new(StringComparer.Ordinal)
    {
        ["DeepseekV2ForCausalLM"] = Latent,
        ["DeepseekV3ForCausalLM"] = Latent,
        ["DeepseekV32ForCausalLM"] = Latent,
        ["GptOssForCausalLM"] = (fields, name) => WithLayerTypes(fields, Heads(fields, name)),
        ["LlamaForCausalLM"] = Heads,
        ["MistralForCausalLM"] = (fields, name) => WithWindowEverywhere(fields, Heads(fields, name)),
        ["Qwen2ForCausalLM"] = Qwen,
        ["Qwen3ForCausalLM"] = Qwen,
    };

    public static ModelFile Read(AdditionalText file, CancellationToken cancellation)
    {
        var text = file.GetText(cancellation);
        return text is null
            ? new ModelFile(file.Path, null, new ModelFailure(LayoutDiagnostics.ModelNotFound, file.Path + " cannot be read"))
            : text.Length > JsonReader.MaxLength
                ? new ModelFile(file.Path, null, TooLong(file.Path, text.Length))
                : Read(file.Path, text.ToString());
    }

    private static ModelFile Read(string path, string text)
    {
        var json = JsonReader.Read(text, out var error, out var position);
        var name = FileName(path);
        if (json is null)
        {
            return new ModelFile(path, null, new ModelFailure(LayoutDiagnostics.ModelMalformed,
                Invariant($"{name} is not JSON: {error}, at line {position.Line + 1}, column {position.Character + 1}")));
        }
        var fields = new ModelFields(json, name);
        var architectures = fields.Texts("architectures");
        var architecture = architectures.FirstOrDefault(Architectures.ContainsKey);
        if (architecture is null)
        {
            var known = string.Join(", ", Architectures.Keys.OrderBy(known => known, StringComparer.Ordinal));
            var failure = architectures.Count == 0
                ? new ModelFailure(LayoutDiagnostics.ModelField, name + " has no \"architectures\"; is it a model's config.json? Known are " + known)
                : new ModelFailure(LayoutDiagnostics.ModelArchitecture, name + " is of " + string.Join(", ", architectures) +
                    ", whose KV cache is not known here; known are " + known + "; give the numbers in the attribute instead of Model");
            return new ModelFile(path, null, failure);
        }
        var config = Architectures[architecture](fields, architecture);
        return fields.Failure is null ? new ModelFile(path, config, null) : new ModelFile(path, null, fields.Failure);
    }

    private static ModelConfig Heads(ModelFields fields, string architecture)
    {
        var heads = fields.Number("num_attention_heads");
        var dim = fields.Optional("head_dim");
        if (dim == 0)
        {
            // The models' own code divides too where the file has no head_dim.
            var hidden = fields.Number("hidden_size");
            dim = heads == 0 ? 0 : hidden / heads;
            if (heads != 0 && hidden % heads != 0)
                fields.Fail(Invariant($"has no head_dim, and its hidden_size {hidden} is not a multiple of num_attention_heads {heads}"));
        }
        var kvHeads = fields.Optional("num_key_value_heads");
        return new ModelConfig(architecture, fields.Number("num_hidden_layers")) { KvHeads = kvHeads == 0 ? heads : kvHeads, HeadDim = dim };
    }

    private static ModelConfig Latent(ModelFields fields, string architecture) => new(architecture, fields.Number("num_hidden_layers"))
    {
        LatentDim = fields.Number("kv_lora_rank"),
        RopeDim = fields.Number("qk_rope_head_dim"),
        IndexerDim = fields.Optional("index_head_dim"),
    };

    private static ModelConfig WithWindowEverywhere(ModelFields fields, ModelConfig config)
    {
        var window = fields.Optional("sliding_window");
        return window == 0 ? config : config with { Window = window, SlidingLayers = ModelFields.Layers(config.Layers, _ => true) };
    }

    // The file names a window even where it is switched off, and switches it on even where it names none.
    private static ModelConfig Qwen(ModelFields fields, string architecture)
    {
        var config = Heads(fields, architecture);
        if (!fields.Flag("use_sliding_window") || !fields.Has("sliding_window"))
            return config;
        if (fields.Has("layer_types"))
            return WithLayerTypes(fields, config);
        var first = fields.Number("max_window_layers", least: 0);
        return WithWindow(fields, config, ModelFields.Layers(config.Layers, layer => layer >= first));
    }

    private static ModelConfig WithLayerTypes(ModelFields fields, ModelConfig config) => WithWindow(fields, config, fields.SlidingLayers(config.Layers));

    private static ModelConfig WithWindow(ModelFields fields, ModelConfig config, KvList<int> sliding) =>
        sliding.Count == 0 ? config : config with { Window = fields.Number("sliding_window"), SlidingLayers = sliding };

    private static ModelFailure TooLong(string path, int length) => new(LayoutDiagnostics.ModelMalformed,
        Invariant($"{FileName(path)} has {length} characters; a config.json of more than {JsonReader.MaxLength} is not read"));

    // Messages must not depend on where a machine keeps the project.
    private static string FileName(string path)
    {
        var parts = path.Split('/', '\\');
        return parts.Length < 2 ? path : parts[parts.Length - 2] + "/" + parts[parts.Length - 1];
    }
}
