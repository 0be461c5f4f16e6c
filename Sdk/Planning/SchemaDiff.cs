using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Compares what two sides of a transfer hold, field by field. Pure functions.</summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class SchemaDiff
{
    /// <summary>The differences of two layouts that are each held whole.</summary>
    public static KvList<SchemaDifference> Compare(KvSchema local, KvSchema remote) =>
        Compare(local, KvParallel.Single, remote, KvParallel.Single);

    /// <summary>The differences of two ranks' shares: content first, then placement, in the local layout's order.</summary>
    public static KvList<SchemaDifference> Compare(KvSchema local, KvParallel localParallel, KvSchema remote, KvParallel remoteParallel)
    {
        if (local is null)
            throw new ArgumentNullException(nameof(local));
        if (remote is null)
            throw new ArgumentNullException(nameof(remote));
        var found = new List<SchemaDifference>();
        Collect(ContentOf(local), ContentOf(remote), isContent: true, found);
        Collect(PlacementOf(local, localParallel), PlacementOf(remote, remoteParallel), isContent: false, found);
        return new KvList<SchemaDifference>(found.ToArray());
    }

    /// <summary>The differences of two model identities; all of them are content.</summary>
    public static KvList<SchemaDifference> Compare(ModelIdentity local, ModelIdentity remote)
    {
        if (local is null)
            throw new ArgumentNullException(nameof(local));
        if (remote is null)
            throw new ArgumentNullException(nameof(remote));
        var found = new List<SchemaDifference>();
        Collect(Fields(local), Fields(remote), isContent: true, found);
        return new KvList<SchemaDifference>(found.ToArray());
    }

    private static List<SchemaField> Fields(ModelIdentity model) =>
    [
        new SchemaField("model.name", model.Name),
        new SchemaField("model.revision", model.Revision),
        new SchemaField("model.rope-scaling", model.RopeScaling),
    ];

    private static List<SchemaField> ContentOf(KvSchema schema)
    {
        var fields = new List<SchemaField>();
        foreach (var group in schema.Groups)
        {
            foreach (var field in SchemaFields.Content(group))
                fields.Add(new SchemaField(group.Name + "." + field.Name, field.Value));
            foreach (var field in SchemaFields.ComponentContents(group))
                fields.Add(new SchemaField(group.Name + "." + field.Name, field.Value));
        }
        return fields;
    }

    private static List<SchemaField> PlacementOf(KvSchema schema, KvParallel parallel)
    {
        if (parallel is null)
            throw new ArgumentNullException(nameof(parallel));
        var fields = new List<SchemaField>
        {
            new("parallel.tp", Invariant($"{parallel.TpRank}/{parallel.Tp}")),
            new("parallel.pp", Invariant($"{parallel.PpRank}/{parallel.Pp}")),
            new("group order", string.Join(", ", schema.Groups.Select(group => group.Name))),
        };
        foreach (var group in schema.Groups)
        {
            foreach (var field in SchemaFields.Placement(group))
                fields.Add(new SchemaField(group.Name + "." + field.Name, field.Value));
            fields.Add(new SchemaField(group.Name + ".components", string.Join(", ", group.Components.Select(component => component.Name))));
            foreach (var field in SchemaFields.ComponentPlacements(group))
                fields.Add(new SchemaField(group.Name + "." + field.Name, field.Value));
        }
        return fields;
    }

    private static void Collect(List<SchemaField> local, List<SchemaField> remote, bool isContent, List<SchemaDifference> found)
    {
        foreach (var field in local)
        {
            var there = Find(remote, field.Name);
            if (!string.Equals(there, field.Value, StringComparison.Ordinal))
                found.Add(new SchemaDifference(field.Name, field.Value, there ?? SchemaDifference.Absent, isContent));
        }
        foreach (var field in remote)
        {
            if (Find(local, field.Name) is null)
                found.Add(new SchemaDifference(field.Name, SchemaDifference.Absent, field.Value, isContent));
        }
    }

    private static string? Find(List<SchemaField> fields, string name)
    {
        foreach (var field in fields)
        {
            if (string.Equals(field.Name, name, StringComparison.Ordinal))
                return field.Value;
        }
        return null;
    }
}
