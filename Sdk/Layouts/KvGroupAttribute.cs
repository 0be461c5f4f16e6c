namespace Nixl.Sdk;

/// <summary>Makes a nested partial type a group of layers with one page structure.</summary>
/// <param name="order">The physical order, outermost first: separate tensors, a bar, strides; for example <c>L P | B N H D</c>.</param>
[AttributeUsage(AttributeTargets.Struct | AttributeTargets.Class, Inherited = false)]
public class KvGroupAttribute(string order) : Attribute
{
    /// <summary>The physical order.</summary>
    public string Order { get; } = order;

    /// <summary>The number of layers of the whole model in this group.</summary>
    public int Layers { get; set; }

    /// <summary>The model's index of the group's first layer.</summary>
    public int FirstLayer { get; set; }

    /// <summary>The distance between the model's indices of neighbouring layers of the group.</summary>
    public int LayerStep { get; set; } = 1;

    /// <summary>The model's indices of the group's layers where they are not evenly spaced; gives <see cref="Layers"/> too.</summary>
#pragma warning disable CA1819 // Attribute arguments can only be arrays.
    public int[]? LayerIndices { get; set; }
#pragma warning restore CA1819

    /// <summary>
    /// Which layers of the layout's <see cref="KvLayoutAttribute.Model"/> the group holds, as its <c>layer_types</c> say it:
    /// <c>full_attention</c> or <c>sliding_attention</c>. Gives layers and window.
    /// </summary>
    public string? LayerType { get; set; }

    /// <summary>Tokens that one block covers; leave out where there is no token dimension (state).</summary>
    public int BlockTokens { get; set; }

    /// <summary>The attention window in tokens; 0 is the full context.</summary>
    public int Window { get; set; }

    /// <summary>Tokens that share one entry (token compression).</summary>
    public int TokensPerEntry { get; set; } = 1;

    /// <summary>KV heads of the whole model; leave out where there is no head dimension.</summary>
    public int KvHeads { get; set; }

    /// <summary>Rounds the page stride up to a multiple of this many bytes, a power of two.</summary>
    public int PageAlign { get; set; }

    /// <summary>Groups that name the same pool share block ids.</summary>
    public string Pool { get; set; } = "";

    /// <summary>How the groups of the pool share memory.</summary>
    public KvShare Share { get; set; }
}
