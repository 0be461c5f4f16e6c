namespace Nixl.Sdk.Samples.Model;

/// <summary>One layer's matrices, [out, in] as files have them.</summary>
internal sealed record LayerWeights(
    Matrix InputNorm, Matrix Query, Matrix Key, Matrix Value, Matrix Output, Matrix PostNorm, Matrix Gate, Matrix Up, Matrix Down) : IDisposable
{
    public void Dispose()
    {
        foreach (var matrix in (ReadOnlySpan<Matrix>)[InputNorm, Query, Key, Value, Output, PostNorm, Gate, Up, Down]) matrix.Dispose();
    }
}

/// <summary>A model's weights as floats in native memory, shapes checked against the configuration. Immutable once loaded.</summary>
internal sealed class LlamaWeights : IDisposable
{
    private readonly bool _tied;

    private LlamaWeights(Matrix embedding, LayerWeights[] layers, Matrix norm, Matrix head, bool tied)
    {
        (Embedding, Layers, Norm, Head, _tied) = (embedding, layers, norm, head, tied);
    }

    internal Matrix Embedding { get; }

    internal LayerWeights[] Layers { get; }

    internal Matrix Norm { get; }

    internal Matrix Head { get; }

    internal static LlamaWeights Load(LlamaConfig config, WeightSource source)
    {
        int hidden = config.HiddenSize, queries = config.Heads * config.HeadDim, keys = config.KvHeads * config.HeadDim;
        var embedding = source.Read("model.embed_tokens.weight", config.VocabularySize, hidden);
        var layers = new LayerWeights[config.Layers];
        for (var i = 0; i < layers.Length; i++)
        {
            var name = $"model.layers.{i}";
            layers[i] = new LayerWeights(
                InputNorm: source.Read($"{name}.input_layernorm.weight", 1, hidden),
                Query: source.Read($"{name}.self_attn.q_proj.weight", queries, hidden),
                Key: source.Read($"{name}.self_attn.k_proj.weight", keys, hidden),
                Value: source.Read($"{name}.self_attn.v_proj.weight", keys, hidden),
                Output: source.Read($"{name}.self_attn.o_proj.weight", hidden, queries),
                PostNorm: source.Read($"{name}.post_attention_layernorm.weight", 1, hidden),
                Gate: source.Read($"{name}.mlp.gate_proj.weight", config.IntermediateSize, hidden),
                Up: source.Read($"{name}.mlp.up_proj.weight", config.IntermediateSize, hidden),
                Down: source.Read($"{name}.mlp.down_proj.weight", hidden, config.IntermediateSize));
        }
        var norm = source.Read("model.norm.weight", 1, hidden);
        // Some files carry no lm_head although config.json does not say "tied"; that means tied.
        var tied = config.TiedEmbeddings || !source.Contains("lm_head.weight");
        var head = tied ? embedding : source.Read("lm_head.weight", config.VocabularySize, hidden);
        return new LlamaWeights(embedding, layers, norm, head, tied);
    }

    public void Dispose()
    {
        Embedding.Dispose();
        foreach (var layer in Layers) layer.Dispose();
        Norm.Dispose();
        if (!_tied) Head.Dispose();
    }
}
