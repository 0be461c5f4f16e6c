namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>The name of one element of a block; 0 for what its component does not have.</summary>
/// <param name="Component">The component's index in the group.</param>
/// <param name="Layer">The layer within the group.</param>
/// <param name="Head">The head (of those that the tensor holds).</param>
/// <param name="Token">The token within the block.</param>
/// <param name="Content">The element of the component's shape.</param>
internal readonly record struct Element(int Component, int Layer, int Head, int Token, int Content);
