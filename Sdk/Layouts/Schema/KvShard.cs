namespace Nixl.Sdk;

/// <summary>How tensor parallelism splits a component among ranks.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum KvShard
{
    /// <summary>By head where the component has a head dimension, else replicated.</summary>
    Auto = 0,

    /// <summary>Each rank holds a run of heads; with more ranks than heads each head is replicated.</summary>
    Head,

    /// <summary>Every rank holds all of it (MLA latent, indexer).</summary>
    Replicated,

    /// <summary>The first shape dimension is split into <c>Units</c> equal parts, dealt to the ranks in runs (state parts).</summary>
    Units,
}
