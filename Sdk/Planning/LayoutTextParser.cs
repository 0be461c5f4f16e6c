namespace Nixl.Sdk.Planning;

/// <summary>
/// Reads a canonical text back into a schema, so that a remote layout can be compared and planned. The text comes from another
/// machine: everything is bounded and checked, and only a text that <see cref="LayoutText.Canonical(KvSchema)"/> would write is accepted.
/// </summary>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class LayoutTextParser
{
    /// <summary>The longest text that is read, in characters.</summary>
    public const int MaxLength = 64 * 1024;

    /// <summary>The most groups a text may have.</summary>
    private const int MaxGroups = 16;

    /// <summary>The most layers a group may name.</summary>
    private const int MaxLayers = 4096;

    /// <summary>Reads a canonical text. Returns null and says why if it is not one.</summary>
    public static KvSchema? Parse(string? text, out string? error)
    {
        if (text is null || text.Length > MaxLength)
        {
            error = "the text is missing or longer than 65536 characters";
            return null;
        }
        var lines = text.Split('\n');
        if (!string.Equals(lines[0], LayoutText.Header, StringComparison.Ordinal))
        {
            error = "the text does not begin with \"" + LayoutText.Header + "\"";
            return null;
        }
        var groups = new List<KvGroupSchema>();
        var at = 1;
        while (at < lines.Length && lines[at].Length > 0)
        {
            var group = ReadGroup(lines, ref at);
            if (group is null || groups.Count == MaxGroups)
            {
                error = FormattableString.Invariant($"line {at + 1} is not understood, or there are more than {MaxGroups} groups");
                return null;
            }
            groups.Add(group);
        }
        var schema = new KvSchema("(remote)", new KvList<KvGroupSchema>(groups.ToArray()));
        try
        {
            error = string.Equals(LayoutText.Canonical(schema), text, StringComparison.Ordinal) ? null : "the text is not in canonical form";
        }
        catch (LayoutException problem)
        {
            error = problem.Message;
        }
        return error is null ? schema : null;
    }

    private static KvGroupSchema? ReadGroup(string[] lines, ref int at)
    {
        var name = After(lines, at, "group ");
        if (name is null || Next(lines, ref at) != "  content")
            return null;
        at++;
        if (Field(lines, at, SchemaFields.Layers) is not { } layersText || LayerRanges.Parse(layersText, MaxLayers) is not { } layers ||
            !Number(lines, ++at, SchemaFields.KvHeads, out var heads) || !Number(lines, ++at, SchemaFields.Window, out var window) ||
            !Number(lines, ++at, SchemaFields.TokensPerEntry, out var perEntry))
        {
            return null;
        }
        at++;
        var components = new List<KvComponentSchema>();
        while (After(lines, at, "    " + SchemaFields.ComponentPrefix) is { } line)
        {
            var component = ReadComponent(line);
            if (component is null)
                return null;
            components.Add(component);
            at++;
        }
        if (At(lines, at) != "  placement" || Field(lines, ++at, SchemaFields.Order) is not { } order ||
            !Number(lines, ++at, SchemaFields.BlockTokens, out var tokens) || !Number(lines, ++at, SchemaFields.PageAlign, out var align) ||
            Field(lines, ++at, SchemaFields.Pool) is not { } pool ||
            !TypeNames.TryShare(Field(lines, ++at, SchemaFields.Share) ?? "", out var share))
        {
            return null;
        }
        for (var i = 0; i < components.Count; i++)
        {
            var component = ReadPlacement(After(lines, ++at, "    " + SchemaFields.ComponentPrefix), components[i]);
            if (component is null)
                return null;
            components[i] = component;
        }
        at++;
        while (At(lines, at) is { Length: > 0 } rest && rest.StartsWith("  ", StringComparison.Ordinal))
            at++; // The offsets follow from what has been read; the comparison with the canonical text checks them.
        return new KvGroupSchema(name, order)
        {
            Layers = layers.Count,
            LayerIndices = layers,
            KvHeads = heads,
            Window = window,
            TokensPerEntry = perEntry,
            BlockTokens = tokens,
            PageAlign = align,
            Pool = pool == SchemaFields.Unnamed ? "" : pool,
            Share = share,
            Components = new KvList<KvComponentSchema>(components.ToArray()),
        };
    }

    // Name: bf16 128x2, per token[, scale-of Other][, not-transferred]
    private static KvComponentSchema? ReadComponent(string line)
    {
        var colon = line.IndexOf(": ", StringComparison.Ordinal);
        if (colon < 1)
            return null;
        var parts = Split(line.Substring(colon + 2));
        var typed = parts[0].Split(' ');
        if (typed.Length != 2 || !TypeNames.TryElement(typed[0], out var type))
            return null;
        var shape = new List<int>();
        foreach (var size in typed[1].Split('x'))
        {
            if (!LayerRanges.TryNumber(size, out var value))
                return null;
            shape.Add(value);
        }
        var component = new KvComponentSchema(line.Substring(0, colon), type, new KvList<int>(shape.ToArray()));
        foreach (var part in parts.Skip(1))
        {
            if (part.StartsWith(SchemaFields.ScaleOf, StringComparison.Ordinal))
                component = component with { ScaleOf = part.Substring(SchemaFields.ScaleOf.Length) };
            else if (part == SchemaFields.Skipped)
                component = component with { Transfer = false };
            else if (part is SchemaFields.PerHeadAndToken or SchemaFields.PerHead or SchemaFields.PerToken or SchemaFields.PerBlock)
                continue; // follows from the order; the comparison with the canonical text checks it
            else
                return null;
        }
        return component;
    }

    // Name: shard units 64[, order H D N]
    private static KvComponentSchema? ReadPlacement(string? line, KvComponentSchema component)
    {
        if (line is null || !line.StartsWith(component.Name + ": ", StringComparison.Ordinal))
            return null;
        var parts = Split(line.Substring(component.Name.Length + 2));
        var shard = parts[0].Split(' ');
        var units = 0;
        if (shard.Length is < 2 or > 3 || shard[0] != "shard" || !TypeNames.TryShard(shard[1], out var rule) ||
            (shard.Length == 3 && !LayerRanges.TryNumber(shard[2], out units)))
        {
            return null;
        }
        component = component with { Shard = rule, Units = units };
        if (parts.Length == 1)
            return component;
        return parts.Length == 2 && parts[1].StartsWith(SchemaFields.OwnOrder, StringComparison.Ordinal)
            ? component with { Order = parts[1].Substring(SchemaFields.OwnOrder.Length) }
            : null;
    }

    private static string[] Split(string value) => value.Split([", "], StringSplitOptions.None);

    private static string? At(string[] lines, int at) => at < lines.Length ? lines[at] : null;

    private static string? Next(string[] lines, ref int at) => At(lines, ++at);

    private static string? After(string[] lines, int at, string prefix) =>
        At(lines, at) is { } line && line.StartsWith(prefix, StringComparison.Ordinal) ? line.Substring(prefix.Length) : null;

    private static string? Field(string[] lines, int at, string name) => After(lines, at, "    " + name + ": ");

    private static bool Number(string[] lines, int at, string name, out int value)
    {
        value = 0;
        return Field(lines, at, name) is { } text && LayerRanges.TryNumber(text, out value);
    }
}
