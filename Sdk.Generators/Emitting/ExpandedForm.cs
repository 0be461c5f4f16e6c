using Nixl.Sdk.Generators.Model;

namespace Nixl.Sdk.Generators.Emitting;

/// <summary>
/// A preset written out: the attribute and the members that declare the same layout by hand. Everything is qualified with
/// <c>global::</c>, so that it means the same in any file; an editor may shorten it.
/// </summary>
/// <param name="Attribute">The attribute without its brackets, in place of [KvPreset].</param>
/// <param name="Members">The members of the type, a line each, indented by four blanks.</param>
internal sealed record ExpandedForm(string Attribute, string Members)
{
    private const string Sdk = "global::Nixl.Sdk.";

    /// <summary>The expanded form of a preset that has been resolved without errors.</summary>
    public static ExpandedForm Of(LayoutSpec layout)
    {
        var schema = layout.Schema;
        var source = new SourceWriter(depth: 1);
        if (layout.Groups.Count == 1 && layout.Groups[0].NestedType is null)
        {
            Components(source, schema.Groups[0]);
            return new ExpandedForm(Group("KvLayout", schema.Groups[0], SettingsText.TpSizes(schema)), source.ToString());
        }
        for (var i = 0; i < schema.Groups.Count; i++)
        {
            if (i > 0)
                source.Line();
            source.Line("[" + Group("KvGroup", schema.Groups[i], []) + "]");
            source.Open("public readonly partial struct " + schema.Groups[i].Name);
            Components(source, schema.Groups[i]);
            source.Close();
        }
        var sizes = string.Join(", ", SettingsText.TpSizes(schema));
        return new ExpandedForm(Sdk + "KvLayout" + (sizes.Length == 0 ? "" : "(" + sizes + ")"), source.ToString());
    }

    private static string Group(string attribute, KvGroupSchema group, IEnumerable<string> more) =>
        Sdk + attribute + "(" + Literal.Of(group.Order) + ", " + string.Join(", ", SettingsText.Of(group).Concat(more)) + ")";

    private static void Components(SourceWriter source, KvGroupSchema group)
    {
        foreach (var component in group.Components)
        {
            var arguments = new[] { Sdk + "ElementType." + component.Type }.Concat(component.Shape.Select(Literal.Of)).Concat(SettingsText.Of(component));
            source.Line("[" + Sdk + "KvComponent(" + string.Join(", ", arguments) + ")] public static partial " + Sdk + "KvComponent " + component.Name + " { get; }");
        }
    }
}
