namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>Loops of index formulas.</summary>
internal static class Loops
{
    /// <summary>0 … count-1.</summary>
    public static IEnumerable<int> Upto(int count) => Enumerable.Range(0, count);

    /// <summary>The heads (or units) of a part, by their place in the tensor.</summary>
    public static IEnumerable<int> Each(Part part) => Enumerable.Range(part.First, part.Count);
}
