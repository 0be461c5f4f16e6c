using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>
/// The numbers of a ready-made layout; <see cref="KvPresets.Expand"/> makes a schema of them. The attribute of the same name has the
/// same properties. 0, <see cref="ElementType.None"/> and an empty list mean: not given. Immutable, compared by value.
/// </summary>
/// <param name="Engine">Whose layout it is.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvPreset(KvEngine Engine)
{
    /// <summary>The layers of the whole model.</summary>
    public int Layers { get; init; }

    /// <summary>KV heads of the whole model; not for latents.</summary>
    public int KvHeads { get; init; }

    /// <summary>Elements of one key, and of one value; not for latents.</summary>
    public int HeadDim { get; init; }

    /// <summary>Elements of one latent without its rope part (<c>kv_lora_rank</c>).</summary>
    public int LatentDim { get; init; }

    /// <summary>Elements of the rope part beside a latent (<c>qk_rope_head_dim</c>).</summary>
    public int RopeDim { get; init; }

    /// <summary>Elements of one key of the sparse-attention indexer (<c>index_head_dim</c>).</summary>
    public int IndexerDim { get; init; }

    /// <summary>Tokens that one block, page or chunk covers.</summary>
    public int BlockTokens { get; init; }

    /// <summary>The type of one element, where the layout does not fix it.</summary>
    public ElementType CacheType { get; init; }

    /// <summary>The attention window in tokens; 0 is the full context.</summary>
    public int Window { get; init; }

    /// <summary>
    /// The model's indices of the layers with the window where others see the full context. Gives two groups, <c>Full</c> and <c>Sliding</c>.
    /// </summary>
    public KvList<int> SlidingLayers { get; init; } = KvList<int>.Empty;

    /// <summary>How the groups <c>Full</c> and <c>Sliding</c> share memory.</summary>
    public KvShare Share { get; init; }

    /// <summary>The tensor-parallel sizes that a program is deployed with; empty is any.</summary>
    public KvList<int> TpSizes { get; init; } = KvList<int>.Empty;
}
