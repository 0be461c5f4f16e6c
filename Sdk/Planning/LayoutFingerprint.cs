namespace Nixl.Sdk.Planning;

/// <summary>
/// The hashes of a layout: what must be equal on both sides, what may differ, and both together. Compared by value.
/// </summary>
/// <param name="Content">The hash of <see cref="LayoutText.Content"/>.</param>
/// <param name="Placement">The hash of <see cref="LayoutText.Placement"/>.</param>
#if NIXL_GENERATOR
internal
#else
public
#endif
readonly record struct LayoutFingerprint(LayoutHash Content, LayoutHash Placement)
{
    /// <summary>The hash of content and placement together.</summary>
    public LayoutHash Whole => LayoutHash.Of(Content.ToHex() + Placement.ToHex());

    /// <summary>The fingerprint of a layout as one process holds it whole.</summary>
    public static LayoutFingerprint Of(KvSchema schema) => Of(schema, KvParallel.Single);

    /// <summary>The fingerprint of one rank's share of a layout.</summary>
    public static LayoutFingerprint Of(KvSchema schema, KvParallel parallel) =>
        new(LayoutHash.Of(LayoutText.Content(schema)), LayoutHash.Of(LayoutText.Placement(schema, parallel)));

    /// <summary>Short: content and placement, 12 digits each.</summary>
    public override string ToString() => Content + "-" + Placement;
}
