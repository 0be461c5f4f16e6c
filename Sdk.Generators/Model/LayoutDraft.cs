using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>
/// All that symbols say of one layout type, before it is checked as a whole. Compared by value through and through; never a symbol,
/// a syntax node or a compilation.
/// </summary>
/// <param name="Type">The layout type, or null if no partial declaration of it can be emitted.</param>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Location">Where a mistake of the layout as a whole is shown.</param>
/// <param name="Diagnostics">What the declarations alone show to be wrong.</param>
internal sealed record LayoutDraft(TypeSpec? Type, string Name, LocationInfo? Location, KvList<DiagnosticInfo> Diagnostics)
{
    /// <summary>The declared groups; none for a preset.</summary>
    public KvList<GroupDraft> Groups { get; init; } = KvList<GroupDraft>.Empty;

    /// <summary>The tensor-parallel sizes to check.</summary>
    public KvList<int> TpSizes { get; init; } = KvList<int>.Empty;

    /// <summary>What [KvPreset] says, or null for a layout that is written out.</summary>
    public KvPreset? Preset { get; init; }

    /// <summary>The names that generated members of a preset's type cannot have: its own, and those that the user declares in it.</summary>
    public KvList<string> Members { get; init; } = KvList<string>.Empty;

    /// <summary>The path of the model's config.json, or null.</summary>
    public string? Model { get; init; }
}
