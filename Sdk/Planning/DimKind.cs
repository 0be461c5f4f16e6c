namespace Nixl.Sdk.Planning;

/// <summary>A named dimension of a KV cache.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum DimKind
{
    /// <summary>L: the layers of the group.</summary>
    Layer,

    /// <summary>B: blocks.</summary>
    Block,

    /// <summary>P: the components of the page.</summary>
    Component,

    /// <summary>H: KV heads.</summary>
    Head,

    /// <summary>N: tokens in a block (entries, where several tokens share one).</summary>
    Token,

    /// <summary>D: the content, the product of a component's shape.</summary>
    Content,

    /// <summary>T: token slots of a pool; stands for B N.</summary>
    Slot,
}
