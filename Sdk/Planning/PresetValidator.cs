using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Finds the numbers that a preset lacks, has no use for, or that contradict each other.</summary>
internal static class PresetValidator
{
    /// <summary>Elements that share one scale in <c>fp8_ds_mla</c> and in the indexer.</summary>
    public const int ScaledElements = 128;

    /// <summary>The most layers that a preset with layers of two kinds may have: they are listed one by one.</summary>
    public const int MaxMixedLayers = 4096;

    private const int TileBytes = 16;
    private const int MaxSize = ComponentValidator.MaxSize;

    /// <summary>Elements in one tile of keys; 1 for a type that is not known.</summary>
    public static int TileElements(ElementType type) =>
        type is > ElementType.None and <= ElementType.Int64 ? TileBytes / LayoutMath.ElementBytes(type) : 1;

    public static KvList<LayoutProblem> Check(KvPreset preset)
    {
        var problems = new List<LayoutProblem>();
        var form = PresetForm.Of(preset.Engine);
        if (form.Kind == PresetKind.Unknown)
        {
            Add(problems, "the preset names no engine; choose one of KvEngine");
        }
        else
        {
            CheckPresence(preset, form, problems);
            CheckSizes(preset, form, problems);
            CheckSliding(preset, problems);
        }
        return new KvList<LayoutProblem>(problems.ToArray());
    }

    private static void CheckPresence(KvPreset preset, PresetForm form, List<LayoutProblem> problems)
    {
        var missing = new List<string>();
        var superfluous = new List<string>();
        void Number(string name, int value, bool wanted, string meaning)
        {
            if (wanted && value == 0)
                missing.Add(name + " (" + meaning + ")");
            else if (!wanted && value != 0)
                superfluous.Add(Invariant($"{name} = {value}"));
            else if (wanted && (value < 1 || value > MaxSize))
                Add(problems, Invariant($"{name} is {value}; it must lie in 1 … {MaxSize}"));
        }

        Number(nameof(preset.Layers), preset.Layers, true, "layers of the whole model");
        Number(nameof(preset.KvHeads), preset.KvHeads, form.HasHeads, "KV heads of the whole model");
        Number(nameof(preset.HeadDim), preset.HeadDim, form.HasHeads, "elements of one key");
        Number(nameof(preset.LatentDim), preset.LatentDim, !form.HasHeads, "elements of one latent");
        Number(nameof(preset.RopeDim), preset.RopeDim, !form.HasHeads, "elements of its rope part");
        Number(nameof(preset.IndexerDim), preset.IndexerDim, form.Kind == PresetKind.IndexedLatent, "elements of one indexer key");
        Number(nameof(preset.BlockTokens), preset.BlockTokens, true, "tokens of one block");
        if (!form.FixesTypes && preset.CacheType == ElementType.None)
            missing.Add(nameof(preset.CacheType) + " (type of one element)");
        if (form.FixesTypes && preset.CacheType != ElementType.None)
            superfluous.Add(Invariant($"{nameof(preset.CacheType)} = {preset.CacheType}"));
        if (!form.HasHeads && preset.Window != 0)
            superfluous.Add(Invariant($"{nameof(preset.Window)} = {preset.Window}"));
        if (!form.HasHeads && preset.SlidingLayers.Count > 0)
            superfluous.Add(nameof(preset.SlidingLayers));
        if (missing.Count > 0)
            Add(problems, Invariant($"preset {preset.Engine} lacks {string.Join(" and ", missing)}; give each in the preset"));
        if (superfluous.Count > 0)
            Add(problems, Invariant($"preset {preset.Engine} has no use for {string.Join(" and ", superfluous)}; leave it out, or choose a preset ") +
                          (form.HasHeads ? "for latents (MLA)" : form.FixesTypes ? "that does not fix it" : "for keys and values by head"));
    }

    private static void CheckSizes(KvPreset preset, PresetForm form, List<LayoutProblem> problems)
    {
        var type = preset.CacheType;
        if (type is < ElementType.None or > ElementType.Int64)
        {
            Add(problems, Invariant($"CacheType is {(int)type}, which is not an element type"));
            return;
        }
        if (form.Kind == PresetKind.ScaledKeyValue && type != ElementType.None && LayoutMath.ElementBytes(type) != 1)
            Add(problems, Invariant($"preset {preset.Engine} holds 8-bit values, but CacheType is {type} of {LayoutMath.ElementBytes(type)} bytes; use Int8 or Fp8E4M3"));
        if (form.Kind == PresetKind.TiledKeyValue && preset.HeadDim % TileElements(type) != 0)
            Add(problems, Invariant($"HeadDim {preset.HeadDim} is not a multiple of {TileElements(type)}, the elements of {type} in a tile of {TileBytes} bytes"));
        if (form.FixesTypes && preset.LatentDim % ScaledElements != 0)
            Add(problems, Invariant($"LatentDim {preset.LatentDim} is not a multiple of {ScaledElements}, the elements that share one scale"));
        if (form.Kind == PresetKind.IndexedLatent && preset.IndexerDim % ScaledElements != 0)
            Add(problems, Invariant($"IndexerDim {preset.IndexerDim} is not a multiple of {ScaledElements}, the elements that share one scale"));
    }

    private static void CheckSliding(KvPreset preset, List<LayoutProblem> problems)
    {
        if (preset.SlidingLayers.Count == 0)
        {
            if (preset.Share != KvShare.Own)
                Add(problems, Invariant($"Share is {preset.Share}, but there is only one kind of layers; leave it out"));
            return;
        }
        if (preset.Layers > MaxMixedLayers)
            Add(problems, Invariant($"Layers is {preset.Layers}; with SlidingLayers it must lie in 1 … {MaxMixedLayers}"));
        if (preset.Window == 0)
            Add(problems, "SlidingLayers names layers with a window, but Window is missing; give its tokens");
        var seen = new HashSet<int>();
        foreach (var layer in preset.SlidingLayers)
        {
            if (layer < 0 || layer >= preset.Layers || !seen.Add(layer))
                Add(problems, Invariant($"SlidingLayers contains {layer}, which is outside the {preset.Layers} layers or there twice"));
        }
        if (seen.Count == preset.Layers)
            Add(problems, Invariant($"SlidingLayers names all {preset.Layers} layers; leave it out, Window alone says that"));
    }

    private static void Add(List<LayoutProblem> problems, string message) =>
        problems.Add(new LayoutProblem(LayoutProblemKind.Preset, -1, -1, message));
}
