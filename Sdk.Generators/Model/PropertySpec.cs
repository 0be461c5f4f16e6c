namespace Nixl.Sdk.Generators.Model;

/// <summary>A component property whose body is generated. Strings only.</summary>
/// <param name="Modifiers">Its modifiers without <c>static</c> and <c>partial</c>, for example <c>public</c>.</param>
/// <param name="Name">Its name.</param>
internal sealed record PropertySpec(string Modifiers, string Name);
