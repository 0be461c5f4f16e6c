using Nixl.Sdk.Planning;

namespace Nixl.Sdk;

/// <summary>A group of layers with one page structure. Immutable, compared by value.</summary>
/// <param name="Name">Unique within the layout; matched by name with the other side.</param>
/// <param name="Order">The physical order, outermost first, for example <c>L P | B N H D</c>; see <see cref="LayoutOrder"/>.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record KvGroupSchema(string Name, string Order)
{
    /// <summary>The name of a group that is declared on the layout type itself.</summary>
    public const string DefaultName = "kv";

    /// <summary>The number of layers of the whole model in this group.</summary>
    public int Layers { get; init; }

    /// <summary>The model's index of the group's first layer.</summary>
    public int FirstLayer { get; init; }

    /// <summary>The distance between the model's indices of neighbouring layers of the group.</summary>
    public int LayerStep { get; init; } = 1;

    /// <summary>The model's indices of the group's layers where they are not evenly spaced; empty otherwise.</summary>
    public KvList<int> LayerIndices { get; init; } = KvList<int>.Empty;

    /// <summary>Tokens that one block covers; 0 where there is no token dimension (state).</summary>
    public int BlockTokens { get; init; }

    /// <summary>The attention window in tokens; 0 is the full context.</summary>
    public int Window { get; init; }

    /// <summary>Tokens that share one entry (token compression); 1 without compression.</summary>
    public int TokensPerEntry { get; init; } = 1;

    /// <summary>KV heads of the whole model; 0 where there is no head dimension.</summary>
    public int KvHeads { get; init; }

    /// <summary>The page stride is rounded up to a multiple of this many bytes; 0 is no padding.</summary>
    public int PageAlign { get; init; }

    /// <summary>Groups that name the same pool share block ids; empty is a pool of its own.</summary>
    public string Pool { get; init; } = "";

    /// <summary>How the groups of the pool share memory.</summary>
    public KvShare Share { get; init; }

    /// <summary>The components in the order in which they lie in memory.</summary>
    public KvList<KvComponentSchema> Components { get; init; } = KvList<KvComponentSchema>.Empty;

    /// <summary>Entries of the token dimension in one block; 1 where there is none.</summary>
    public int EntriesPerBlock => BlockTokens == 0 ? 1 : BlockTokens / TokensPerEntry;

    /// <summary>The model's indices of the group's layers, in memory order.</summary>
    public KvList<int> LayerNumbers()
    {
        if (LayerIndices.Count != 0)
            return LayerIndices;
        var numbers = new int[System.Math.Max(Layers, 0)];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = checked(FirstLayer + i * LayerStep);
        return new KvList<int>(numbers);
    }
}
