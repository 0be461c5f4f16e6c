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

    /// <summary>The hash of each component's content, in declaration order: what it is made of, and the group that it belongs to.</summary>
    public static KvList<LayoutHash> OfComponents(KvGroupSchema group)
    {
        var hashes = new List<LayoutHash>();
        foreach (var text in LayoutText.ComponentContents(group))
            hashes.Add(LayoutHash.Of(text));
        return new KvList<LayoutHash>(hashes.ToArray());
    }

    /// <summary>Short: content and placement, 12 digits each.</summary>
    public override string ToString() => Content + "-" + Placement;
}
