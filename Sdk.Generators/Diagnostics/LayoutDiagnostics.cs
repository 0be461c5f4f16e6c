using Microsoft.CodeAnalysis;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Diagnostics;

/// <summary>Every diagnostic of layouts. An id is never used for another meaning.</summary>
internal static class LayoutDiagnostics
{
    private const string Category = "Nixl.Layout";

    // Filled by the fields below, so it stands before them: initializers run in the order of the text.
    private static readonly List<DiagnosticDescriptor> Descriptors = [];

    public static readonly DiagnosticDescriptor NotPartial = Error("NIXL001", "Layout type is not partial",
        "{0} is not partial; add the partial modifier so that its layout can be generated");

    public static readonly DiagnosticDescriptor OuterNotPartial = Error("NIXL002", "Outer type of a layout is not partial",
        "{0} contains a layout type but is not partial; add the partial modifier");

    public static readonly DiagnosticDescriptor TypeForm = Error("NIXL003", "This form of type cannot be a layout",
        "{0} is {1}; a layout is a struct, record or class that is not static, generic, file-local or a ref struct");

    public static readonly DiagnosticDescriptor Order = Error("NIXL004", "Malformed order",
        "{0}");

    public static readonly DiagnosticDescriptor Dimension = Error("NIXL005", "Order and numbers do not fit",
        "{0}");

    public static readonly DiagnosticDescriptor Size = Error("NIXL006", "Impossible size",
        "{0}");

    public static readonly DiagnosticDescriptor Empty = Error("NIXL007", "Nothing to lay out",
        "{0}");

    public static readonly DiagnosticDescriptor Duplicate = Error("NIXL008", "Duplicate name",
        "{0}");

    public static readonly DiagnosticDescriptor SingleComponent = Warning("NIXL009", "P in the order of a single component",
        "{0}");

    public static readonly DiagnosticDescriptor Spread = Error("NIXL010", "Components spread over several declarations",
        "The components of {0} are spread over several declarations of the type; they lie in memory in declaration order, so put all of them in one");

    public static readonly DiagnosticDescriptor PropertyForm = Error("NIXL011", "Not a component declaration",
        "{0} must be declared as \"static partial KvComponent {0} {{ get; }}\" without a body");

    public static readonly DiagnosticDescriptor ScaleOf = Error("NIXL012", "Unknown component in ScaleOf",
        "{0}");

    public static readonly DiagnosticDescriptor Sharding = Error("NIXL013", "Sharding rule does not fit",
        "{0}");

    public static readonly DiagnosticDescriptor Overflow = Error("NIXL014", "Layout is too large",
        "{0}");

    public static readonly DiagnosticDescriptor Sharing = Error("NIXL015", "Groups cannot share memory like this",
        "{0}");

    public static readonly DiagnosticDescriptor MixedGroups = Error("NIXL016", "Layout has an order and groups",
        "{0} has an order of its own and nested groups; leave the order out of [KvLayout] and declare every group with [KvGroup]");

    public static readonly DiagnosticDescriptor ReservedName = Error("NIXL017", "Name is used by generated code",
        "{0} is the name of a generated member of a layout; choose another one");

    public static readonly DiagnosticDescriptor Orphan = Error("NIXL018", "Outside of a layout",
        "{0} has [{1}] but {2}; nothing is generated for it");

    public static readonly DiagnosticDescriptor Preset = Error("NIXL019", "Preset and numbers do not fit",
        "{0}");

    public static readonly DiagnosticDescriptor PresetAndLayout = Error("NIXL020", "Preset and written-out layout on one type",
        "{0} has both [KvPreset] and [KvLayout]; take one of them out");

    public static readonly DiagnosticDescriptor ModelNotFound = Error("NIXL021", "Model file is not found",
        "{0}");

    public static readonly DiagnosticDescriptor ModelMalformed = Error("NIXL022", "Model file is not JSON",
        "{0}");

    public static readonly DiagnosticDescriptor ModelArchitecture = Error("NIXL023", "Unknown model architecture",
        "{0}");

    public static readonly DiagnosticDescriptor ModelField = Error("NIXL024", "Field of the model file is missing or wrong",
        "{0}");

    public static readonly DiagnosticDescriptor ModelContradiction = Error("NIXL025", "Attribute and model file disagree",
        "{0}");

    public static readonly DiagnosticDescriptor ModelUse = Error("NIXL026", "Model file does not give this",
        "{0}");

    public static readonly DiagnosticDescriptor Alignment = Warning("NIXL030", "Pieces are not aligned",
        "{0}");

    public static readonly DiagnosticDescriptor SmallPieces = Descriptor("NIXL031", "Pieces are small",
        "{0}", DiagnosticSeverity.Info);

    public static readonly DiagnosticDescriptor TinyPieces = Warning("NIXL032", "Blocks fall apart between tensor-parallel sizes",
        "{0}");

    public static readonly DiagnosticDescriptor Overlap = Error("NIXL033", "Components overlap",
        "{0}");

    public static readonly DiagnosticDescriptor Gap = Error("NIXL034", "Gap between components",
        "{0}");

    /// <summary>All of them, in declaration order.</summary>
    public static IReadOnlyList<DiagnosticDescriptor> All => Descriptors;

    /// <summary>The diagnostic for a problem that the planner found.</summary>
    public static DiagnosticDescriptor Of(LayoutProblemKind kind) => kind switch
    {
        LayoutProblemKind.Order => Order,
        LayoutProblemKind.Preset => Preset,
        LayoutProblemKind.Dimension => Dimension,
        LayoutProblemKind.Size => Size,
        LayoutProblemKind.Empty => Empty,
        LayoutProblemKind.Duplicate => Duplicate,
        LayoutProblemKind.SingleComponent => SingleComponent,
        LayoutProblemKind.ScaleOf => ScaleOf,
        LayoutProblemKind.Sharding => Sharding,
        LayoutProblemKind.Overflow => Overflow,
        LayoutProblemKind.Overlap => Overlap,
        LayoutProblemKind.Gap => Gap,
        LayoutProblemKind.Alignment => Alignment,
        LayoutProblemKind.SmallPieces => SmallPieces,
        LayoutProblemKind.TinyPieces => TinyPieces,
        _ => Sharing,
    };

    private static DiagnosticDescriptor Error(string id, string title, string format) => Descriptor(id, title, format, DiagnosticSeverity.Error);

    private static DiagnosticDescriptor Warning(string id, string title, string format) => Descriptor(id, title, format, DiagnosticSeverity.Warning);

    private static DiagnosticDescriptor Descriptor(string id, string title, string format, DiagnosticSeverity severity)
    {
        var descriptor = new DiagnosticDescriptor(id, title, format, Category, severity, isEnabledByDefault: true, helpLinkUri: HelpPage.Of(id));
        Descriptors.Add(descriptor);
        return descriptor;
    }
}
