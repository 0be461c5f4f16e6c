using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>
/// What a model's config.json says about its KV cache, and nothing else: an edit of anything else leaves the layouts alone. Compared by value.
/// </summary>
/// <param name="Architecture">The architecture, for messages.</param>
/// <param name="Layers">The number of layers.</param>
internal sealed record ModelConfig(string Architecture, int Layers)
{
    /// <summary>KV heads; 0 for a model with latents.</summary>
    public int KvHeads { get; init; }

    /// <summary>Elements of one key and of one value; 0 for a model with latents.</summary>
    public int HeadDim { get; init; }

    /// <summary>Elements of one latent without its rope part (MLA); 0 for a model with heads.</summary>
    public int LatentDim { get; init; }

    /// <summary>Elements of the rope part beside a latent.</summary>
    public int RopeDim { get; init; }

    /// <summary>Elements of one indexer key; 0 without sparse attention.</summary>
    public int IndexerDim { get; init; }

    /// <summary>The window of the layers in <see cref="SlidingLayers"/>, in tokens.</summary>
    public int Window { get; init; }

    /// <summary>The layers that see only the window; the others see the full context.</summary>
    public KvList<int> SlidingLayers { get; init; } = KvList<int>.Empty;

    /// <summary>True for multi-head latent attention: one latent per token instead of keys and values by head.</summary>
    public bool IsMla => LatentDim != 0;

    /// <summary>True if the layers are of two kinds.</summary>
    public bool IsHybrid => SlidingLayers.Count > 0 && SlidingLayers.Count < Layers;

    /// <summary>The window of all layers where they are of one kind, else 0.</summary>
    public int CommonWindow => SlidingLayers.Count == Layers ? Window : 0;
}
