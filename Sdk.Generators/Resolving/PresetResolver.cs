using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;
using static System.FormattableString;

namespace Nixl.Sdk.Generators.Resolving;

/// <summary>Resolves a layout that is a preset: its groups and components follow from the engine and the numbers.</summary>
internal static class PresetResolver
{
    public static LayoutSpec Resolve(LayoutDraft draft, TypeSpec type, KvPreset preset, ModelLookup model, Report report)
    {
        var checkable = draft.Model is null || model.Config is not null;
        if (model.Config is not null && PresetForm.Of(preset.Engine) is { Kind: not PresetKind.Unknown } form)
        {
            checkable = form.HasHeads != model.Config.IsMla;
            if (checkable)
                preset = Merge(preset, form, model.Config, report);
            else
                report.Add(LayoutDiagnostics.ModelContradiction, WrongKind(preset, form, model.Config));
        }
        var schema = KvPresets.Build(draft.Name, preset);
        if (checkable)
            Check(preset, schema, report);
        schema = schema with { Groups = KvList.Create(schema.Groups.Where(group => IsFree(group.Name, draft, report)).ToArray()) };
        var nested = schema.Groups.Count != 1 || schema.Groups[0].Name != KvGroupSchema.DefaultName;
        var groups = schema.Groups.Select(group => new GroupSpec(
            nested ? new TypePart("struct", group.Name) : null,
            KvList.Create(group.Components
                .Where(component => nested || IsFree(component.Name, draft, report))
                .Select(component => new PropertySpec("public", component.Name)).ToArray())));
        return new LayoutSpec(type, schema, KvList.Create(groups.ToArray()), IsPreset: true, IsStub: false);
    }

    private static void Check(KvPreset preset, KvSchema schema, Report report)
    {
        var problems = PresetValidator.Check(preset);
        foreach (var problem in problems)
            report.Add(problem, null);
        if (problems.Count > 0)
            return;

        // All components follow from the same numbers: what is wrong with one of them is said once.
        foreach (var problem in LayoutValidator.Check(schema).GroupBy(problem => problem.Kind))
            report.Add(problem.First(), null);
    }

    private static KvPreset Merge(KvPreset preset, PresetForm form, ModelConfig config, Report report)
    {
        int Agree(string name, int given, int inFile) => report.Agree(name, given, inFile, null);

        var sliding = config.IsHybrid ? config.SlidingLayers : KvList<int>.Empty;
        if (preset.SlidingLayers.Count > 0 && !preset.SlidingLayers.Equals(sliding))
        {
            report.Add(LayoutDiagnostics.ModelContradiction, "SlidingLayers is " + LayerRanges.Format(preset.SlidingLayers) +
                " here, but the model file says " + LayerRanges.Format(sliding) + "; take it out here");
        }
        var merged = preset with
        {
            Layers = Agree(nameof(preset.Layers), preset.Layers, config.Layers),
            Window = Agree(nameof(preset.Window), preset.Window, config.Window),
            SlidingLayers = sliding,
        };
        if (form.HasHeads)
        {
            return merged with
            {
                KvHeads = Agree(nameof(preset.KvHeads), preset.KvHeads, config.KvHeads),
                HeadDim = Agree(nameof(preset.HeadDim), preset.HeadDim, config.HeadDim),
            };
        }
        return merged with
        {
            LatentDim = Agree(nameof(preset.LatentDim), preset.LatentDim, config.LatentDim),
            RopeDim = Agree(nameof(preset.RopeDim), preset.RopeDim, config.RopeDim),
            IndexerDim = form.Kind == PresetKind.IndexedLatent && config.IndexerDim != 0
                ? Agree(nameof(preset.IndexerDim), preset.IndexerDim, config.IndexerDim)
                : preset.IndexerDim,
        };
    }

    private static string WrongKind(KvPreset preset, PresetForm form, ModelConfig config) => form.HasHeads
        ? Invariant($"Preset {preset.Engine} holds keys and values by head, but the model file ({config.Architecture}) says latents of ") +
          Invariant($"{config.LatentDim} + {config.RopeDim}; choose a preset for latents, for example {nameof(KvEngine.VllmMla)}")
        : Invariant($"Preset {preset.Engine} holds latents, but the model file ({config.Architecture}) says {config.KvHeads} KV heads of ") +
          Invariant($"{config.HeadDim}; choose a preset for keys and values by head, for example {nameof(KvEngine.VllmPackedHnd)}");

    private static bool IsFree(string name, LayoutDraft draft, Report report)
    {
        if (!draft.Members.Contains(name))
            return true;
        report.Add(LayoutDiagnostics.ReservedName, name);
        return false;
    }
}
