using Microsoft.CodeAnalysis;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Reads attribute arguments. What the compiler rejects is read as absent: it reports that itself.</summary>
internal static class AttributeReader
{
    public static AttributeData? Find(ISymbol symbol, string metadataName)
    {
        foreach (var attribute in symbol.GetAttributes())
        {
            if (attribute.AttributeClass?.ToDisplayString() == metadataName)
                return attribute;
        }
        return null;
    }

    public static T Named<T>(AttributeData attribute, string name, T fallback)
    {
        foreach (var argument in attribute.NamedArguments)
        {
            if (argument.Key == name && argument.Value.Kind != TypedConstantKind.Array && argument.Value.Value is T value)
                return value;
        }
        return fallback;
    }

    public static KvList<int> NamedInts(AttributeData attribute, string name)
    {
        foreach (var argument in attribute.NamedArguments)
        {
            if (argument.Key == name)
                return Ints(argument.Value);
        }
        return KvList<int>.Empty;
    }

    public static KvList<int> Ints(TypedConstant constant) =>
        constant.Kind == TypedConstantKind.Array && !constant.IsNull
            ? KvList.Create(constant.Values.Select(value => value.Value as int? ?? 0).ToArray())
            : KvList<int>.Empty;

    public static KvGroupSchema Group(AttributeData attribute, string name)
    {
        var order = attribute.ConstructorArguments.Length == 1 ? attribute.ConstructorArguments[0].Value as string : null;
        var indices = NamedInts(attribute, nameof(KvGroupSchema.LayerIndices));
        return new KvGroupSchema(name, order ?? "")
        {
            Layers = Named(attribute, nameof(KvGroupSchema.Layers), indices.Count),
            FirstLayer = Named(attribute, nameof(KvGroupSchema.FirstLayer), 0),
            LayerStep = Named(attribute, nameof(KvGroupSchema.LayerStep), 1),
            LayerIndices = indices,
            BlockTokens = Named(attribute, nameof(KvGroupSchema.BlockTokens), 0),
            Window = Named(attribute, nameof(KvGroupSchema.Window), 0),
            TokensPerEntry = Named(attribute, nameof(KvGroupSchema.TokensPerEntry), 1),
            KvHeads = Named(attribute, nameof(KvGroupSchema.KvHeads), 0),
            PageAlign = Named(attribute, nameof(KvGroupSchema.PageAlign), 0),
            Pool = Named(attribute, nameof(KvGroupSchema.Pool), ""),
            Share = (KvShare)Named(attribute, nameof(KvGroupSchema.Share), 0),
        };
    }

    public static KvComponentSchema Component(AttributeData attribute, string name)
    {
        var arguments = attribute.ConstructorArguments;
        var type = arguments.Length > 0 && arguments[0].Value is int value ? (ElementType)value : ElementType.None;
        return new KvComponentSchema(name, type, arguments.Length > 1 ? Ints(arguments[1]) : KvList<int>.Empty)
        {
            Order = Named<string?>(attribute, nameof(KvComponentSchema.Order), null),
            Shard = (KvShard)Named(attribute, nameof(KvComponentSchema.Shard), 0),
            Units = Named(attribute, nameof(KvComponentSchema.Units), 0),
            ScaleOf = Named<string?>(attribute, nameof(KvComponentSchema.ScaleOf), null),
            Transfer = Named(attribute, nameof(KvComponentSchema.Transfer), true),
            At = Named(attribute, nameof(KvComponentSchema.At), -1L),
        };
    }

    public static KvPreset Preset(AttributeData attribute)
    {
        var arguments = attribute.ConstructorArguments;
        return new KvPreset(arguments.Length == 1 && arguments[0].Value is int value ? (KvEngine)value : KvEngine.None)
        {
            Layers = Named(attribute, nameof(KvPreset.Layers), 0),
            KvHeads = Named(attribute, nameof(KvPreset.KvHeads), 0),
            HeadDim = Named(attribute, nameof(KvPreset.HeadDim), 0),
            LatentDim = Named(attribute, nameof(KvPreset.LatentDim), 0),
            RopeDim = Named(attribute, nameof(KvPreset.RopeDim), 0),
            IndexerDim = Named(attribute, nameof(KvPreset.IndexerDim), 0),
            BlockTokens = Named(attribute, nameof(KvPreset.BlockTokens), 0),
            CacheType = (ElementType)Named(attribute, nameof(KvPreset.CacheType), 0),
            Window = Named(attribute, nameof(KvPreset.Window), 0),
            SlidingLayers = NamedInts(attribute, nameof(KvPreset.SlidingLayers)),
            Share = (KvShare)Named(attribute, nameof(KvPreset.Share), 0),
            TpSizes = NamedInts(attribute, nameof(KvPreset.TpSizes)),
        };
    }

    /// <summary>Where the attribute is written.</summary>
    public static Location? LocationOf(AttributeData attribute) =>
        attribute.ApplicationSyntaxReference is { } reference ? Location.Create(reference.SyntaxTree, reference.Span) : null;

    /// <summary>The declaration that the attribute is written on.</summary>
    public static SyntaxNode? DeclarationOf(AttributeData attribute) => attribute.ApplicationSyntaxReference?.GetSyntax().Parent?.Parent;
}
