using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Finds what is wrong with one component.</summary>
internal static class ComponentValidator
{
    /// <summary>The most layers, heads, tokens or elements a layout may declare in one number.</summary>
    public const int MaxSize = 1 << 24;

    /// <summary>True for names that stand in canonical texts: letters, digits, _, - and the dot, up to 128.</summary>
    public static bool IsName(string? name) =>
        name is { Length: > 0 and <= 128 } && name[0] != '-' && name.All(c => c < 128 && (char.IsLetterOrDigit(c) || c is '_' or '-' or '.'));

    public static void Check(KvGroupSchema group, int groupIndex, int c, GroupOrders? orders, List<LayoutProblem> problems)
    {
        var component = group.Components[c];
        void Bad(LayoutProblemKind kind, string message) =>
            problems.Add(new LayoutProblem(kind, groupIndex, c, "component " + component.Name + ": " + message));

        if (!IsName(component.Name))
            Bad(LayoutProblemKind.Size, "its name is not made of up to 128 letters, digits, '_', '-' and '.'");
        for (var i = 0; i < c; i++)
        {
            if (string.Equals(group.Components[i].Name, component.Name, StringComparison.Ordinal))
                Bad(LayoutProblemKind.Duplicate, "there are two of this name in group " + group.Name);
        }
        if (component.Type is <= ElementType.None or > ElementType.Int64)
            Bad(LayoutProblemKind.Size, "the element type is not set");
        if (component.Shape.Count == 0)
            Bad(LayoutProblemKind.Size, "the shape is empty; give at least one size");
        foreach (var size in component.Shape)
        {
            if (size < 1 || size > MaxSize)
                Bad(LayoutProblemKind.Size, Invariant($"the shape contains {size}; sizes lie in 1 … {MaxSize}"));
        }
        CheckShard(component, group, orders is not null && orders.Has(c, DimKind.Head), Bad);
        if (component.ScaleOf is not null)
        {
            var target = -1;
            for (var i = 0; i < group.Components.Count; i++)
            {
                if (string.Equals(group.Components[i].Name, component.ScaleOf, StringComparison.Ordinal))
                    target = i;
            }
            if (target < 0 || target == c)
                Bad(LayoutProblemKind.ScaleOf, "ScaleOf = \"" + component.ScaleOf + "\" names no other component of group " + group.Name);
        }
    }

    private static void CheckShard(KvComponentSchema component, KvGroupSchema group, bool hasHeads, Action<LayoutProblemKind, string> bad)
    {
        switch (component.Shard)
        {
            case KvShard.Head when !hasHeads || group.KvHeads == 0:
                bad(LayoutProblemKind.Sharding, "it is split by head but has no H in its order");
                break;
            case KvShard.Units when component.Units < 1:
                bad(LayoutProblemKind.Sharding, "Shard = Units needs Units, the number of equal parts of its first dimension");
                break;
            case KvShard.Units when component.Shape.Count > 0 && component.Shape[0] % component.Units != 0:
                bad(LayoutProblemKind.Sharding, Invariant($"{component.Units} units do not divide its first dimension {component.Shape[0]}"));
                break;
            case not KvShard.Units when component.Units != 0:
                bad(LayoutProblemKind.Sharding, "Units is set, but Shard is not Units");
                break;
            case < KvShard.Auto or > KvShard.Units:
                bad(LayoutProblemKind.Sharding, Invariant($"{(int)component.Shard} is not a sharding rule"));
                break;
        }
    }
}
