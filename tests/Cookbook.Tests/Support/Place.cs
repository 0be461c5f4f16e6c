namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>Where one element of a block lies, as the engine's own index formula says.</summary>
/// <param name="Tensor">The tensor's index within the group.</param>
/// <param name="Offset">Bytes from the tensor's base.</param>
/// <param name="Bytes">Bytes of the element.</param>
/// <param name="Is">Which element it is.</param>
internal readonly record struct Place(int Tensor, long Offset, int Bytes, Element Is);
