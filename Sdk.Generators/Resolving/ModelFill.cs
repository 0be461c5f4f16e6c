using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Generators.ModelFiles;
using Nixl.Sdk.Planning;
using static System.FormattableString;

namespace Nixl.Sdk.Generators.Resolving;

/// <summary>Fills a declared group with what the model file says. Order, block size and element types never come from there.</summary>
internal static class ModelFill
{
    public static KvGroupSchema Fill(GroupDraft draft, ModelConfig config, Report report)
    {
        var group = FillLayers(draft, config, report);
        var orders = GroupOrders.Resolve(group, 0, []);
        var hasHeads = orders is not null && Enumerable.Range(0, group.Components.Count).Any(c => orders.Has(c, DimKind.Head));
        if (config.KvHeads != 0 && (hasHeads || group.KvHeads != 0))
            group = group with { KvHeads = report.Agree(nameof(group.KvHeads), group.KvHeads, config.KvHeads, draft.Location) };
        var components = new KvComponentSchema[group.Components.Count];
        for (var c = 0; c < components.Length; c++)
        {
            components[c] = group.Components[c].Shape.Count > 0
                ? group.Components[c]
                : FillShape(draft, c, config, orders is null || orders.Has(c, DimKind.Head), report);
        }
        return group with { Components = KvList.Create(components) };
    }

    private static KvGroupSchema FillLayers(GroupDraft draft, ModelConfig config, Report report)
    {
        var group = draft.Declared;
        var all = ModelFields.Layers(config.Layers, _ => true);
        switch (draft.LayerType)
        {
            case null when draft.NestedType is not null && (group.Layers != 0 || HasOwnNumbers(group)):
                return CheckWithin(draft, config, report);
            case null:
                // One group for layers of two kinds holds all of them with full context.
                return Choose(draft, all, config.IsHybrid ? group.Window : config.CommonWindow, report);
            case ModelFields.Sliding when config.SlidingLayers.Count > 0:
                return Choose(draft, config.SlidingLayers, config.Window, report);
            case ModelFields.Full when config.SlidingLayers.Count < config.Layers:
                return Choose(draft, LayerNumbering.Others(config.Layers, config.SlidingLayers), 0, report);
            case ModelFields.Full or ModelFields.Sliding:
                report.Add(LayoutDiagnostics.ModelUse,
                    Invariant($"the model has no layers of LayerType = \"{draft.LayerType}\": all {config.Layers} are of the other kind; take the group out"), draft.Location);
                break;
            default:
                report.Add(LayoutDiagnostics.ModelUse,
                    Invariant($"LayerType = \"{draft.LayerType}\" is not known; write \"{ModelFields.Full}\" or \"{ModelFields.Sliding}\""), draft.Location);
                break;
        }
        return LayerNumbering.With(group, all);
    }

    private static KvGroupSchema Choose(GroupDraft draft, KvList<int> layers, int window, Report report)
    {
        var group = draft.Declared;
        var filled = LayerNumbering.With(group, layers) with { Window = report.Agree(nameof(group.Window), group.Window, window, draft.Location) };
        report.Agree(nameof(group.Layers), group.Layers, layers.Count, draft.Location);
        if ((group.Layers == 0 || group.Layers == layers.Count) && HasOwnNumbers(group) && !HasNumbersOf(group, filled, layers))
        {
            report.Add(LayoutDiagnostics.ModelContradiction, "FirstLayer, LayerStep or LayerIndices choose other layers than the model file, which says " +
                LayerRanges.Format(layers) + "; take them out", draft.Location);
        }
        return filled;
    }

    // The attribute chooses layers by number: they must be layers of the model.
    private static KvGroupSchema CheckWithin(GroupDraft draft, ModelConfig config, Report report)
    {
        var group = draft.Declared;
        var last = group.LayerIndices.Count > 0 ? group.LayerIndices.Max() : group.FirstLayer + ((long)group.Layers - 1) * group.LayerStep;
        if (last >= config.Layers)
        {
            report.Add(LayoutDiagnostics.ModelContradiction,
                Invariant($"The group's last layer is {last}, but the model file has the layers 0 … {config.Layers - 1}"), draft.Location);
        }
        return group;
    }

    private static KvComponentSchema FillShape(GroupDraft draft, int c, ModelConfig config, bool hasHeads, Report report)
    {
        var component = draft.Declared.Components[c];
        if (!config.IsMla && hasHeads)
            return component with { Shape = KvList.Create(config.HeadDim) };
        if (config.IsMla && draft.Declared.Components.Count == 1)
            return component with { Shape = KvList.Create(config.LatentDim + config.RopeDim) };
        report.Add(LayoutDiagnostics.ModelUse, "Component " + component.Name + " has no shape, and the model file does not give it one: " + (config.IsMla
            ? Invariant($"a latent of {config.LatentDim} and its rope part of {config.RopeDim} are one component there; write each shape")
            : Invariant($"{config.HeadDim} is for components by head, and this one has no H in its order; write its shape")), draft.LocationOf(c));
        return component with { Shape = KvList.Create(1) };
    }

    private static bool HasOwnNumbers(KvGroupSchema group) => group.FirstLayer != 0 || group.LayerStep != 1 || group.LayerIndices.Count > 0;

    private static bool HasNumbersOf(KvGroupSchema group, KvGroupSchema filled, KvList<int> layers) => group.LayerIndices.Count > 0
        ? group.LayerIndices.Equals(layers)
        : filled.LayerIndices.Count == 0 && (group.FirstLayer, group.LayerStep) == (filled.FirstLayer, filled.LayerStep);
}
