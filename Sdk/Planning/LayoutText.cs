using System.Text;
using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>
/// The canonical text of a layout: line by line what it is, stable across versions of the SDK, made to be compared by a person.
/// Each group has three sections. <c>content</c> must be equal on both sides of a transfer; <c>placement</c> may differ;
/// <c>offsets</c> follow from the two and list where everything lies for the whole model, in bytes (B is the number of blocks).
/// </summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class LayoutText
{
    /// <summary>The first line; the number changes only if the meaning of a line changes.</summary>
    public const string Header = "nixl-kv-layout 1";

    /// <summary>The whole text: content, placement and offsets of each group in declaration order.</summary>
    /// <exception cref="LayoutException">The layout cannot be planned.</exception>
    public static string Canonical(KvSchema schema) => Canonical(KvPlan.Create(schema, KvParallel.Single, 1));

    /// <summary>The same from a plan of the whole model with one block.</summary>
    internal static string Canonical(KvPlan plan)
    {
        var text = new StringBuilder(Header).Append('\n');
        foreach (var group in plan.Groups)
        {
            text.Append("group ").Append(group.Schema.Name).Append('\n');
            WriteContent(text, group.Schema, SchemaFields.ComponentContents(group.Schema));
            WritePlacement(text, group.Schema);
            OffsetText.Write(text, group);
        }
        return text.ToString();
    }

    /// <summary>What must be equal on both sides; groups and components by name, so that their order does not count.</summary>
    public static string Content(KvSchema schema)
    {
        Require(schema);
        var text = new StringBuilder(Header).Append('\n');
        foreach (var group in schema.Groups.OrderBy(group => group.Name, StringComparer.Ordinal))
        {
            text.Append("group ").Append(group.Name).Append('\n');
            WriteContent(text, group, SchemaFields.ComponentContents(group).OrderBy(field => field.Name, StringComparer.Ordinal));
        }
        return text.ToString();
    }

    /// <summary>The content of each component by itself, with that of its group.</summary>
    internal static IEnumerable<string> ComponentContents(KvGroupSchema group)
    {
        foreach (var field in SchemaFields.ComponentContents(group))
        {
            var text = new StringBuilder(Header).Append("\ngroup ").Append(group.Name).Append('\n');
            WriteContent(text, group, [field]);
            yield return text.ToString();
        }
    }

    /// <summary>What may differ between the two sides: where the content lies, and which part of it a rank holds.</summary>
    public static string Placement(KvSchema schema, KvParallel parallel)
    {
        Require(schema);
        if (parallel is null)
            throw new ArgumentNullException(nameof(parallel));
        var text = new StringBuilder(Header).Append('\n');
        text.Append(Invariant($"parallel tp {parallel.TpRank}/{parallel.Tp}, pp {parallel.PpRank}/{parallel.Pp}\n"));
        foreach (var group in schema.Groups)
        {
            text.Append("group ").Append(group.Name).Append('\n');
            WritePlacement(text, group);
        }
        return text.ToString();
    }

    private static void WriteContent(StringBuilder text, KvGroupSchema group, IEnumerable<SchemaField> components)
    {
        text.Append("  content\n");
        foreach (var field in SchemaFields.Content(group))
            Line(text, field);
        foreach (var field in components)
            Line(text, field);
    }

    private static void WritePlacement(StringBuilder text, KvGroupSchema group)
    {
        text.Append("  placement\n");
        foreach (var field in SchemaFields.Placement(group))
            Line(text, field);
        foreach (var field in SchemaFields.ComponentPlacements(group))
            Line(text, field);
    }

    private static void Line(StringBuilder text, SchemaField field) =>
        text.Append("    ").Append(field.Name).Append(": ").Append(field.Value).Append('\n');

    private static void Require(KvSchema schema)
    {
        if (schema is null)
            throw new ArgumentNullException(nameof(schema));
    }
}
