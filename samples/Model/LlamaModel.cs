namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// A model: configuration, weights and rotary tables. Whole, or the shard of one rank of tensor parallelism. Immutable once its weights are
/// there; many runners may share it.
/// </summary>
public sealed class LlamaModel : IDisposable
{
    private LlamaModel(LlamaConfig config, LlamaWeights weights, int rank, int ranks)
    {
        (Config, Weights, Rank, Ranks) = (config, weights, rank, ranks);
        Rotary = new RotaryEmbedding(config);
    }

    /// <summary>The whole model's shape, also of a shard.</summary>
    public LlamaConfig Config { get; }

    /// <summary>Whose shard it is; 0 for a whole model.</summary>
    public int Rank { get; }

    /// <summary>Into how many shards the model was cut; 1 for a whole model.</summary>
    public int Ranks { get; }

    /// <summary>Where its weights lie, to be shown to others or filled by them. Valid until the model is disposed.</summary>
    public IReadOnlyList<WeightTensor> Tensors => Weights.Tensors;

    internal bool IsShard => Ranks > 1;

    internal LlamaWeights Weights { get; }

    internal RotaryEmbedding Rotary { get; }

    /// <summary>Loads a folder with <c>config.json</c> and <c>model.safetensors</c> (or shards and their index).</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="rank">Of which rank the weights are wanted.</param>
    /// <param name="ranks">The degree of tensor parallelism; 1 for the whole model.</param>
    /// <exception cref="ModelFormatException">A file is missing or is not what the configuration says.</exception>
    /// <exception cref="ArgumentException">The model cannot be cut into so many ranks.</exception>
    public static LlamaModel Load(string folder, int rank = 0, int ranks = 1)
    {
        var config = LlamaConfig.Load(Path.Combine(folder, "config.json"));
        using var source = WeightSource.Open(folder);
        // Some files carry no lm_head although config.json does not say "tied"; that means tied.
        if (!source.Contains("lm_head.weight")) config = config with { TiedEmbeddings = true };
        return new LlamaModel(config, LlamaWeights.Load(config, source, rank, ranks), rank, ranks);
    }

    /// <summary>Makes room for the weights of one rank, for somebody to fill. Until then every weight is not a number, and so are all logits.</summary>
    /// <param name="config">The whole model's shape. Without <see cref="LlamaConfig.TiedEmbeddings"/> there is a matrix <c>lm_head.weight</c>.</param>
    /// <param name="rank">Whose weights will be there.</param>
    /// <param name="ranks">The degree of tensor parallelism; 1 for the whole model.</param>
    /// <exception cref="ArgumentException">The model cannot be cut into so many ranks.</exception>
    public static LlamaModel Allocate(LlamaConfig config, int rank = 0, int ranks = 1)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new LlamaModel(config, LlamaWeights.Allocate(config, rank, ranks), rank, ranks);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        Rotary.Dispose();
    }
}
