using Nixl.Sdk.Planning;
using static System.FormattableString;

namespace Nixl.Sdk;

/// <summary>Expands presets into schemas: the same that a type with the attribute declares, also from numbers known only at run time.</summary>
/// <remarks>Thread-safe: pure functions of their arguments.</remarks>
#if NIXL_GENERATOR
internal
#else
public
#endif
static class KvPresets
{
    /// <summary>The names of the groups of a preset with layers of two kinds.</summary>
    internal const string Full = "Full", Sliding = "Sliding";

    private const string Key = "Key", Value = "Value", Latent = "Latent", Rope = "Rope", Scale = "Scale";
    private const string Mla = "Mla", Indexer = "Indexer", Pool = "kv";

    /// <summary>The layout that a preset stands for.</summary>
    /// <param name="name">The layout's name, for messages.</param>
    /// <param name="preset">The engine and the numbers.</param>
    /// <exception cref="LayoutException">A number is missing, superfluous or contradicts another; the exception lists every one.</exception>
    public static KvSchema Expand(string name, KvPreset preset)
    {
        var problems = PresetValidator.Check(preset ?? throw new ArgumentNullException(nameof(preset)));
        return problems.Count == 0 ? Build(name, preset) : throw new LayoutException(name, problems);
    }

    /// <summary>The layout without a check of its numbers: its groups and components have their names in any case.</summary>
    internal static KvSchema Build(string name, KvPreset preset)
    {
        var form = PresetForm.Of(preset.Engine);
        var group = new KvGroupSchema(KvGroupSchema.DefaultName, form.Order)
        {
            Layers = preset.Layers,
            BlockTokens = preset.BlockTokens,
            KvHeads = form.HasHeads ? preset.KvHeads : 0,
            Window = preset.Window,
            Components = Components(form.Kind, preset),
        };
        var groups = new List<KvGroupSchema>();
        if (form.Kind == PresetKind.IndexedLatent)
        {
            groups.Add(group with { Name = Mla });
            groups.Add(group with { Name = Indexer, Order = KvOrder.Indexer, Components = IndexerComponents(preset) });
        }
        else if (preset.SlidingLayers.Count > 0)
        {
            var others = LayerNumbering.Others(Math.Min(preset.Layers, PresetValidator.MaxMixedLayers), preset.SlidingLayers);
            group = group with { Share = preset.Share, Pool = preset.Share == KvShare.Own ? "" : Pool };
            groups.Add(LayerNumbering.With(group with { Name = Full, Window = 0 }, others));
            groups.Add(LayerNumbering.With(group with { Name = Sliding }, preset.SlidingLayers));
        }
        else if (form.Kind != PresetKind.Unknown)
        {
            groups.Add(group);
        }
        return new KvSchema(name, new KvList<KvGroupSchema>(groups.ToArray())) { TpSizes = preset.TpSizes };
    }

    private static KvList<KvComponentSchema> Components(PresetKind kind, KvPreset preset)
    {
        var type = preset.CacheType;
        return kind switch
        {
            PresetKind.KeyValue => List(Of(Key, type, preset.HeadDim), Of(Value, type, preset.HeadDim)),
            PresetKind.ScaledKeyValue => List(
                Of(Key, type, preset.HeadDim), Of(Value, type, preset.HeadDim),
                Of(Key + Scale, ElementType.Float32, 1) with { ScaleOf = Key }, Of(Value + Scale, ElementType.Float32, 1) with { ScaleOf = Value }),
            PresetKind.TiledKeyValue => List(
                Of(Key, type, preset.HeadDim) with { Order = TiledOrder(type) }, Of(Value, type, preset.HeadDim) with { Order = "H D N" }),
            PresetKind.Latent => List(Of(Latent, type, preset.LatentDim + preset.RopeDim)),
            PresetKind.ScaledLatent or PresetKind.IndexedLatent => List(
                Of(Latent, ElementType.Fp8E4M3, preset.LatentDim),
                Of(Scale, ElementType.Float32, preset.LatentDim / PresetValidator.ScaledElements) with { ScaleOf = Latent },
                Of(Rope, ElementType.BFloat16, preset.RopeDim)),
            _ => KvList<KvComponentSchema>.Empty,
        };
    }

    private static KvList<KvComponentSchema> IndexerComponents(KvPreset preset) => List(
        Of(Key, ElementType.Fp8E4M3, preset.IndexerDim),
        Of(Scale, ElementType.Float32, preset.IndexerDim / PresetValidator.ScaledElements) with { ScaleOf = Key });

    private static string TiledOrder(ElementType type)
    {
        var tile = PresetValidator.TileElements(type);
        return Invariant($"H D/{tile} N D%{tile}");
    }

    private static KvComponentSchema Of(string name, ElementType type, int size) => new(name, type, new KvList<int>([size]));

    private static KvList<KvComponentSchema> List(params KvComponentSchema[] components) => new(components);
}
