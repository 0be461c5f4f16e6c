namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>A run of heads (or units) out of those that a tensor holds.</summary>
/// <param name="First">The first one.</param>
/// <param name="Count">How many are looked at.</param>
/// <param name="All">How many the tensor holds.</param>
internal readonly record struct Part(int First, int Count, int All)
{
    /// <summary>All that a tensor holds.</summary>
    public static Part Whole(int count) => new(0, count, count);
}
