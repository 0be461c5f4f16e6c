using System.Globalization;

namespace Nixl.Sdk.Planning;

/// <summary>The one list of a schema's fields, as text: what is content, what is placement, and how each is spelt.</summary>
internal static class SchemaFields
{
    public const string Layers = "layers";
    public const string KvHeads = "kv-heads";
    public const string Window = "window";
    public const string TokensPerEntry = "tokens-per-entry";
    public const string Order = "order";
    public const string BlockTokens = "block-tokens";
    public const string PageAlign = "page-align";
    public const string Pool = "pool";
    public const string Share = "share";
    public const string ComponentPrefix = "component ";
    public const string ScaleOf = "scale-of ";
    public const string Skipped = "not-transferred";
    public const string PerHeadAndToken = "per head and token";
    public const string PerHead = "per head";
    public const string PerToken = "per token";
    public const string PerBlock = "per block";
    public const string OwnOrder = "order ";
    public const string Unnamed = "-";

    public static IEnumerable<SchemaField> Content(KvGroupSchema group)
    {
        yield return new SchemaField(Layers, LayerRanges.Format(group.LayerNumbers()));
        yield return new SchemaField(KvHeads, Text(group.KvHeads));
        yield return new SchemaField(Window, Text(group.Window));
        yield return new SchemaField(TokensPerEntry, Text(group.TokensPerEntry));
    }

    /// <summary>One field for each component, in declaration order.</summary>
    public static IEnumerable<SchemaField> ComponentContents(KvGroupSchema group)
    {
        var orders = GroupOrders.Resolve(group, 0, []);
        for (var i = 0; i < group.Components.Count; i++)
        {
            var perHead = orders is not null && orders.Has(i, DimKind.Head);
            var perToken = orders is not null && orders.Has(i, DimKind.Token);
            yield return Content(group.Components[i], (perHead, perToken) switch
            {
                (true, true) => PerHeadAndToken,
                (true, false) => PerHead,
                (false, true) => PerToken,
                _ => PerBlock,
            });
        }
    }

    // What a shape is per is content, too: one scale per block and one per token are different numbers of scales.
    private static SchemaField Content(KvComponentSchema component, string per)
    {
        var value = TypeNames.Of(component.Type) + " " + string.Join("x", component.Shape.Select(Text)) + ", " + per;
        if (component.ScaleOf is not null)
            value += ", " + ScaleOf + component.ScaleOf;
        if (!component.Transfer)
            value += ", " + Skipped;
        return new SchemaField(ComponentPrefix + component.Name, value);
    }

    public static IEnumerable<SchemaField> Placement(KvGroupSchema group)
    {
        yield return new SchemaField(Order, LayoutOrder.Parse(group.Order, out _)?.ToString() ?? group.Order);
        yield return new SchemaField(BlockTokens, Text(group.BlockTokens));
        yield return new SchemaField(PageAlign, Text(group.PageAlign));
        yield return new SchemaField(Pool, group.Pool.Length == 0 ? Unnamed : group.Pool);
        yield return new SchemaField(Share, TypeNames.Of(group.Share));
    }

    public static IEnumerable<SchemaField> ComponentPlacements(KvGroupSchema group)
    {
        var orders = GroupOrders.Resolve(group, 0, []);
        for (var i = 0; i < group.Components.Count; i++)
            yield return Placement(group.Components[i], hasHeads: orders is not null && orders.Has(i, DimKind.Head));
    }

    // Auto is written as the rule that it stands for, so that both spellings of one layout are one text.
    private static SchemaField Placement(KvComponentSchema component, bool hasHeads)
    {
        var value = "shard " + TypeNames.Of(ShareMath.Rule(component, hasHeads));
        if (component.Shard == KvShard.Units)
            value += " " + Text(component.Units);
        if (component.Order is not null)
            value += ", " + OwnOrder + Tail(component.Order);
        return new SchemaField(ComponentPrefix + component.Name, value);
    }

    public static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Tail(string order)
    {
        var tail = LayoutOrder.ParseTail(order, out _);
        return tail is null ? order : string.Join(" ", tail);
    }
}
