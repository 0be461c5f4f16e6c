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
            source.Line("    new(" + Literal.Of(group.Name) + ", " + Literal.Of(group.Order) + ") { " +
                string.Join(", ", SettingsText.Of(group)) + ", Components =");
            source.Line("    [");
            foreach (var component in group.Components)
                source.Line("        " + Component(component) + ",");
            source.Line("    ] },");
        }
        source.Line("])" + Initializer(SettingsText.TpSizes(schema)) + ";");
    }

    private static string Component(KvComponentSchema component) =>
        "new(" + Literal.Of(component.Name) + ", " + Sdk + "ElementType." + component.Type + ", " + Literal.Of(component.Shape) + ")" +
        Initializer(SettingsText.Of(component));

    private static string Initializer(IEnumerable<string> settings)
    {
        var text = string.Join(", ", settings);
        return text.Length == 0 ? "" : " { " + text + " }";
    }
}
