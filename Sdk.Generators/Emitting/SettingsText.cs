namespace Nixl.Sdk.Generators.Emitting;

/// <summary>What differs from the defaults, as <c>Name = value</c>: an object initializer and an attribute's arguments read the same.</summary>
internal static class SettingsText
{
    private const string Sdk = "global::Nixl.Sdk.";

    public static IEnumerable<string> Of(KvGroupSchema group)
    {
        yield return "Layers = " + Literal.Of(group.Layers);
        if (group.FirstLayer != 0)
            yield return "FirstLayer = " + Literal.Of(group.FirstLayer);
        if (group.LayerStep != 1)
            yield return "LayerStep = " + Literal.Of(group.LayerStep);
        if (group.LayerIndices.Count != 0)
            yield return "LayerIndices = " + Literal.Of(group.LayerIndices);
        if (group.BlockTokens != 0)
            yield return "BlockTokens = " + Literal.Of(group.BlockTokens);
        if (group.Window != 0)
            yield return "Window = " + Literal.Of(group.Window);
        if (group.TokensPerEntry != 1)
            yield return "TokensPerEntry = " + Literal.Of(group.TokensPerEntry);
        if (group.KvHeads != 0)
            yield return "KvHeads = " + Literal.Of(group.KvHeads);
        if (group.PageAlign != 0)
            yield return "PageAlign = " + Literal.Of(group.PageAlign);
        if (group.Pool.Length != 0)
            yield return "Pool = " + Literal.Of(group.Pool);
        if (group.Share != KvShare.Own)
            yield return "Share = " + Sdk + "KvShare." + group.Share;
    }

    public static IEnumerable<string> Of(KvComponentSchema component)
    {
        if (component.Order is not null)
            yield return "Order = " + Literal.Of(component.Order);
        if (component.Shard != KvShard.Auto)
            yield return "Shard = " + Sdk + "KvShard." + component.Shard;
        if (component.Units != 0)
            yield return "Units = " + Literal.Of(component.Units);
        if (component.ScaleOf is not null)
            yield return "ScaleOf = " + Literal.Of(component.ScaleOf);
        if (!component.Transfer)
            yield return "Transfer = false";
    }

    /// <summary>The setting for the sizes to check, if there are any.</summary>
    public static IEnumerable<string> TpSizes(KvSchema schema)
    {
        if (schema.TpSizes.Count != 0)
            yield return "TpSizes = " + Literal.Of(schema.TpSizes);
    }
}
