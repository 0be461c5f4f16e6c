namespace Nixl.Sdk.Bench;

/// <summary>A measured value.</summary>
/// <param name="Name">Benchmark and figure, with a dot between.</param>
/// <param name="Value">The median.</param>
/// <param name="Unit">Of value, target and reference.</param>
internal sealed record Figure(string Name, double Value, string Unit)
{
    /// <summary>The target: the value is to be below it.</summary>
    public double? Below { get; init; }

    /// <summary>The same work done in the way that this one is compared with.</summary>
    public double? Reference { get; init; }

    /// <summary>What the figure is, and what the reference is.</summary>
    public required string Note { get; init; }
}
