namespace Nixl.Sdk;

/// <summary>
/// Makes a <c>static partial KvComponent</c> property a component of its group. Components lie in memory in declaration order, so
/// all of a group stand in one declaration of the type.
/// </summary>
/// <param name="type">The type of one element.</param>
/// <param name="shape">Elements per layer, head and token, outermost first.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KvComponentAttribute(ElementType type, params int[] shape) : Attribute
{
    /// <summary>The type of one element.</summary>
    public ElementType Type { get; } = type;

    /// <summary>Elements per layer, head and token, outermost first.</summary>
#pragma warning disable CA1819 // Attribute arguments can only be arrays.
    public int[] Shape { get; } = shape;
#pragma warning restore CA1819

    /// <summary>Replaces what follows the innermost of B and P in the group's order, for example <c>H D/8 N D%8</c>.</summary>
    public string? Order { get; set; }

    /// <summary>How tensor parallelism splits the component.</summary>
    public KvShard Shard { get; set; }

    /// <summary>The number of equal parts of the first shape dimension, for <see cref="KvShard.Units"/>.</summary>
    public int Units { get; set; }

    /// <summary>The component that this one scales; use <c>nameof</c>.</summary>
    public string? ScaleOf { get; set; }

    /// <summary>False: the component has its place in the page but is not moved.</summary>
    public bool Transfer { get; set; } = true;

    /// <summary>
    /// Where the engine says that the component begins, in bytes within what P stands in (a token's entry, a block's page) of the
    /// whole model. A check only: if declaration order and order put it elsewhere, that is an overlap (NIXL033) or a gap (NIXL034).
    /// </summary>
    public long At { get; set; } = -1;
}
