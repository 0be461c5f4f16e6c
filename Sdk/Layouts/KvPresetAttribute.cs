namespace Nixl.Sdk;

/// <summary>
/// Makes a partial type the KV-cache layout of a well-known engine: components and order are generated. The type has everything that
/// one with <see cref="KvLayoutAttribute"/> has; "show expanded form" writes that out.
/// </summary>
/// <param name="engine">Whose layout it is.</param>
[AttributeUsage(AttributeTargets.Struct | AttributeTargets.Class, Inherited = false)]
public sealed class KvPresetAttribute(KvEngine engine) : Attribute
{
    /// <summary>Whose layout it is.</summary>
    public KvEngine Engine { get; } = engine;

    /// <summary>The layers of the whole model.</summary>
    public int Layers { get; set; }

    /// <summary>KV heads of the whole model; not for latents.</summary>
    public int KvHeads { get; set; }

    /// <summary>Elements of one key, and of one value; not for latents.</summary>
    public int HeadDim { get; set; }

    /// <summary>Elements of one latent without its rope part (<c>kv_lora_rank</c>).</summary>
    public int LatentDim { get; set; }

    /// <summary>Elements of the rope part beside a latent (<c>qk_rope_head_dim</c>).</summary>
    public int RopeDim { get; set; }

    /// <summary>Elements of one key of the sparse-attention indexer (<c>index_head_dim</c>).</summary>
    public int IndexerDim { get; set; }

    /// <summary>Tokens that one block, page or chunk covers.</summary>
    public int BlockTokens { get; set; }

    /// <summary>The type of one element, where the layout does not fix it.</summary>
    public ElementType CacheType { get; set; }

    /// <summary>The attention window in tokens; 0 is the full context.</summary>
    public int Window { get; set; }

    /// <summary>The model's indices of the layers with the window where others see the full context; gives the groups <c>Full</c> and <c>Sliding</c>.</summary>
#pragma warning disable CA1819 // Attribute arguments can only be arrays.
    public int[]? SlidingLayers { get; set; }

    /// <summary>The tensor-parallel sizes that the program is deployed with; they are checked at compile time.</summary>
    public int[]? TpSizes { get; set; }
#pragma warning restore CA1819

    /// <summary>How the groups <c>Full</c> and <c>Sliding</c> share memory.</summary>
    public KvShare Share { get; set; }

    /// <summary>
    /// The project-relative path of a Hugging Face <c>config.json</c> among the project's AdditionalFiles. It gives every number but
    /// the block size; one that is given here too must agree.
    /// </summary>
    public string? Model { get; set; }
}
