namespace Nixl.Sdk.Generators.Emitting;

/// <summary>Writes a schema as one expression: the table that the generated code hands to the planner at run time.</summary>
internal static class SchemaEmitter
{
    private const string Sdk = "global::Nixl.Sdk.";

    public static void Emit(SourceWriter source, KvSchema schema)
    {
        source.Line("/// <summary>The layout as data.</summary>");
        source.Line("public static " + Sdk + "KvSchema Schema { get; } = new(" + Literal.Of(schema.Name) + ",");
        source.Line("[");
        foreach (var group in schema.Groups)
        {
            source.Line("    new(" + Literal.Of(group.Name) + ", " + Literal.Of(group.Order) + ") { " + string.Join(", ", Settings(group)) + ", Components =");
            source.Line("    [");
            foreach (var component in group.Components)
                source.Line("        " + Component(component) + ",");
            source.Line("    ] },");
        }
        source.Line("])" + (schema.TpSizes.Count == 0 ? "" : " { TpSizes = " + Literal.Of(schema.TpSizes) + " }") + ";");
    }

    private static IEnumerable<string> Settings(KvGroupSchema group)
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

    private static string Component(KvComponentSchema component)
    {
        var settings = new List<string>();
        if (component.Order is not null)
            settings.Add("Order = " + Literal.Of(component.Order));
        if (component.Shard != KvShard.Auto)
            settings.Add("Shard = " + Sdk + "KvShard." + component.Shard);
        if (component.Units != 0)
            settings.Add("Units = " + Literal.Of(component.Units));
        if (component.ScaleOf is not null)
            settings.Add("ScaleOf = " + Literal.Of(component.ScaleOf));
        if (!component.Transfer)
            settings.Add("Transfer = false");
        return "new(" + Literal.Of(component.Name) + ", " + Sdk + "ElementType." + component.Type + ", " + Literal.Of(component.Shape) + ")" +
               (settings.Count == 0 ? "" : " { " + string.Join(", ", settings) + " }");
    }
}
