namespace Nixl.Sdk.Planning;

/// <summary>What is wrong with a layout. The generator gives each kind a diagnostic id.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
enum LayoutProblemKind
{
    /// <summary>An order that cannot be read, or a dimension at an impossible place.</summary>
    Order,

    /// <summary>A preset that lacks a number, or whose numbers are superfluous or contradict each other.</summary>
    Preset,

    /// <summary>The order lacks a dimension that the numbers need, or has one that they do not give.</summary>
    Dimension,

    /// <summary>A number that is zero, negative or does not divide what it must.</summary>
    Size,

    /// <summary>A layout without groups or a group without components.</summary>
    Empty,

    /// <summary>Two groups or two components of one name.</summary>
    Duplicate,

    /// <summary>P in the order although there is one component: works, but probably one is missing. A warning.</summary>
    SingleComponent,

    /// <summary>ScaleOf names no other component of the group.</summary>
    ScaleOf,

    /// <summary>The sharding rule does not fit the component, or a tensor-parallel size does not divide it.</summary>
    Sharding,

    /// <summary>A component begins before its predecessor ends, by what its declaration says.</summary>
    Overlap,

    /// <summary>Bytes between two components belong to neither, by what the declaration of the second says.</summary>
    Gap,

    /// <summary>Pieces that do not begin at multiples of <see cref="LayoutAdvice.Alignment"/>. A warning.</summary>
    Alignment,

    /// <summary>Pieces shorter than <see cref="LayoutAdvice.GoodPieceBytes"/>. A hint.</summary>
    SmallPieces,

    /// <summary>A size leaves 64 bits, or the pieces of one block are too many to plan.</summary>
    Overflow,

    /// <summary>Blocks fall into tiny pieces between two tensor-parallel sizes. A warning.</summary>
    TinyPieces,

    /// <summary>Groups that name one pool do not fit into the same memory.</summary>
    Sharing,
}
