namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>Variants of a layout that differ in one number.</summary>
internal static class Models
{
    /// <summary>The same layout in another element type.</summary>
    public static KvSchema WithType(this KvSchema schema, ElementType type) => schema with
    {
        Groups = [.. schema.Groups.Select(group => group with
        {
            Components = [.. group.Components.Select(component => component with { Type = type })],
        })],
    };

    /// <summary>The same layout with other blocks, where there are tokens.</summary>
    public static KvSchema WithBlockTokens(this KvSchema schema, int tokens) => schema with
    {
        Groups = [.. schema.Groups.Select(group => group.BlockTokens == 0 ? group : group with { BlockTokens = tokens })],
    };

    /// <summary>The same content in another order.</summary>
    public static KvSchema WithOrder(this KvSchema schema, string order) => schema with
    {
        Groups = [.. schema.Groups.Select(group => group with { Order = order })],
    };
}
