using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>A group as its attributes declare it, before a model file fills in what they leave out.</summary>
/// <param name="NestedType">The nested type, or null where the layout type itself is the only group.</param>
/// <param name="Declared">What the attributes say; numbers that they leave out are 0.</param>
/// <param name="Components">One for each component of <paramref name="Declared"/>.</param>
/// <param name="Location">Where a mistake of the group as a whole is shown.</param>
internal sealed record GroupDraft(TypePart? NestedType, KvGroupSchema Declared, KvList<ComponentDraft> Components, LocationInfo? Location)
{
    /// <summary>The kind of the model's layers that the group holds, as its config spells it, or null.</summary>
    public string? LayerType { get; init; }

    /// <summary>Where a mistake of the group (-1) or of one of its components is shown.</summary>
    public LocationInfo? LocationOf(int component) => component < 0 ? Location : Components[component].Location;

    /// <summary>What the emitter needs of the group. A component declared twice, itself a mistake, has one property.</summary>
    public GroupSpec ToSpec() =>
        new(NestedType, KvList.Create(Components.Select(component => component.Property).Distinct().ToArray()));
}
