namespace Nixl.Sdk.Planning;

/// <summary>One thing that is wrong with a layout, and where.</summary>
/// <param name="Kind">What kind of mistake it is.</param>
/// <param name="Group">The index of the group, or -1 for the layout as a whole.</param>
/// <param name="Component">The index of the component in the group, or -1 for the group as a whole.</param>
/// <param name="Message">What is wrong and what to do, in one sentence without a full stop.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
sealed record LayoutProblem(LayoutProblemKind Kind, int Group, int Component, string Message)
{
    /// <summary>True if the layout can be planned all the same.</summary>
    public bool IsWarning => Kind is LayoutProblemKind.SingleComponent or LayoutProblemKind.Alignment or
        LayoutProblemKind.SmallPieces or LayoutProblemKind.TinyPieces;

    /// <summary>
    /// The one number that a tool needs to mend it: the size to take out of TpSizes, the bytes of a gap, the PageAlign or BlockTokens
    /// to set. 0 where there is none.
    /// </summary>
    public long Suggestion { get; init; }
}
