namespace Nixl.Sdk;

/// <summary>How groups that name the same pool share memory.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum KvShare
{
    /// <summary>The group has tensors of its own.</summary>
    Own = 0,

    /// <summary>Layer i of every group of the pool lies in the same bytes; block ids say which group uses them.</summary>
    Overlay,

    /// <summary>The pages of the pool's groups lie one behind another in one tensor.</summary>
    Concat,
}
