namespace Nixl.Sdk.Bench.DataPath;

/// <summary>One figure over several transports.</summary>
internal static class Worst
{
    /// <summary>The parts, and first the one that is furthest on the wrong side, under the name of all.</summary>
    public static IReadOnlyList<Figure> Of(string name, IReadOnlyList<Figure> parts)
    {
        var worst = parts[0].AtLeast is null ? parts.MaxBy(part => part.Value)! : parts.MinBy(part => part.Value)!;
        return [worst with { Name = name, Note = $"the worst of the next {parts.Count}: {worst.Name}" }, .. parts];
    }
}
