namespace Nixl.Sdk.Samples.Model;

/// <summary>A loaded model: configuration, weights and rotary tables. Immutable; many <see cref="LlamaRunner"/>s may share it.</summary>
public sealed class LlamaModel : IDisposable
{
    private LlamaModel(LlamaConfig config, LlamaWeights weights)
    {
        Config = config;
        Weights = weights;
        Rotary = new RotaryEmbedding(config);
    }

    /// <summary>The model's shape.</summary>
    public LlamaConfig Config { get; }

    internal LlamaWeights Weights { get; }

    internal RotaryEmbedding Rotary { get; }

    /// <summary>Loads a folder with <c>config.json</c> and <c>model.safetensors</c> (or shards and their index).</summary>
    /// <exception cref="ModelFormatException">A file is missing or is not what the configuration says.</exception>
    public static LlamaModel Load(string folder)
    {
        var config = LlamaConfig.Load(Path.Combine(folder, "config.json"));
        using var source = WeightSource.Open(folder);
        return new LlamaModel(config, LlamaWeights.Load(config, source));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        Rotary.Dispose();
    }
}
