using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Model;

/// <summary>A group of a layout: the nested type that declares it, and its component properties.</summary>
/// <param name="NestedType">The nested type, or null where the layout type itself is the only group.</param>
/// <param name="Properties">The component properties, in declaration order.</param>
internal sealed record GroupSpec(TypePart? NestedType, KvList<PropertySpec> Properties);
