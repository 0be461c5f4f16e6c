using System.Text.Json;

namespace Nixl.Sdk.Samples.Model;

/// <summary>Reads and checks a config.json; what this engine cannot do is refused by field, not ignored.</summary>
internal sealed class LlamaConfigReader
{
    private const int MaxFileBytes = 1 << 20;

    private readonly string _path;
    private readonly JsonElement _root;

    private LlamaConfigReader(string path, JsonElement root)
    {
        _path = path;
        _root = root;
    }

    internal static LlamaConfig Read(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) throw new ModelFormatException($"{path}: no such file.");
            if (file.Length > MaxFileBytes) throw new ModelFormatException($"{path}: {file.Length} bytes; a config.json is at most {MaxFileBytes}.");
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new ModelFormatException($"{path}: not a JSON object.");
            return new LlamaConfigReader(path, document.RootElement).Read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a string that is no Unicode
        {
            throw new ModelFormatException($"{path}: not valid JSON: {e.Message}", e);
        }
    }

    private LlamaConfig Read()
    {
        if (Text("model_type") is { } type && type != "llama") throw Bad("model_type", $"'{type}'; this engine runs 'llama'");
        if (Text("hidden_act") is { } act && act != "silu") throw Bad("hidden_act", $"'{act}'; this engine has 'silu'");
        foreach (var field in (ReadOnlySpan<string>)["attention_bias", "mlp_bias"])
            if (Flag(field)) throw Bad(field, "true; this engine has no biases");
        var hidden = Positive("hidden_size");
        var heads = Positive("num_attention_heads");
        var config = new LlamaConfig
        {
            HiddenSize = hidden,
            IntermediateSize = Positive("intermediate_size"),
            Layers = Positive("num_hidden_layers", limit: 4096),
            Heads = heads,
            KvHeads = Positive("num_key_value_heads", heads),
            HeadDim = Positive("head_dim", hidden % heads == 0 ? hidden / heads : null),
            VocabularySize = Positive("vocab_size"),
            MaxPositions = Positive("max_position_embeddings", 2048),
            NormEpsilon = (float)Number(_root, "rms_norm_eps", 1e-5),
            RopeTheta = Number(_root, "rope_theta", Parameters() is { } p ? Number(p, "rope_theta", 10_000) : 10_000),
            RopeScaling = Scaling(),
            TiedEmbeddings = Flag("tie_word_embeddings"),
            BosToken = Ids("bos_token_id") is [var bos, ..] ? bos : null,
            EosTokens = Ids("eos_token_id"),
        };
        if (config.Heads % config.KvHeads != 0)
            throw Bad("num_key_value_heads", $"{config.KvHeads}; it must divide num_attention_heads, {config.Heads}");
        if (config.HeadDim % 2 != 0) throw Bad("head_dim", $"{config.HeadDim}; rotary embeddings need an even number");
        foreach (var id in config.BosToken is { } b ? config.EosTokens.Append(b) : config.EosTokens)
            if (id < 0 || id >= config.VocabularySize) throw Bad("bos_token_id/eos_token_id", $"{id}; vocab_size is {config.VocabularySize}");
        return config;
    }

    private RopeScaling? Scaling()
    {
        var found = Object("rope_scaling") ?? Parameters();
        if (found is not { } scaling) return null;
        var kind = Text(scaling, "rope_type") ?? Text(scaling, "type") ?? "default";
        return kind switch
        {
            "default" => null,
            "linear" => new RopeScaling(kind, Number(scaling, "factor", null)),
            "llama3" => new RopeScaling(
                kind, Number(scaling, "factor", null), Number(scaling, "low_freq_factor", 1), Number(scaling, "high_freq_factor", 4),
                (int)Number(scaling, "original_max_position_embeddings", 8192)),
            _ => throw Bad("rope_scaling", $"'{kind}'; this engine has 'default', 'linear' and 'llama3'"),
        };
    }

    // Newer files keep theta and scaling together.
    private JsonElement? Parameters() => Object("rope_parameters");

    private JsonElement? Object(string field) =>
        _root.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private int Positive(string field, int? fallback = null, int limit = 1 << 24)
    {
        if (!_root.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null)
            return fallback ?? throw Bad(field, "missing");
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var number) || number <= 0 || number > limit)
            throw Bad(field, $"{value.GetRawText()}; expected a whole number from 1 to {limit}");
        return number;
    }

    private double Number(JsonElement from, string field, double? fallback)
    {
        if (!from.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null)
            return fallback ?? throw Bad(field, "missing");
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || !double.IsFinite(number) || number <= 0)
            throw Bad(field, $"{value.GetRawText()}; expected a positive number");
        return number;
    }

    private int[] Ids(string field)
    {
        if (!_root.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null) return [];
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return Array.ConvertAll(items, item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var id)
            ? id : throw Bad(field, $"{value.GetRawText()}; expected token ids"));
    }

    private string? Text(string field) => Text(_root, field);

    private static string? Text(JsonElement from, string field) =>
        from.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private bool Flag(string field) => _root.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.True;

    private ModelFormatException Bad(string field, string found) => new($"{_path}: {field} is {found}.");
}
