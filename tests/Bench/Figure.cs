namespace Nixl.Sdk.Bench;

/// <summary>A measured value.</summary>
/// <param name="Name">Benchmark and figure, with a dot between.</param>
/// <param name="Value">The median, or a ratio of medians.</param>
/// <param name="Unit">Of the value and its target; "ratio" for ratios.</param>
internal sealed record Figure(string Name, double Value, string Unit)
{
    /// <summary>The target: the value is to be at most this.</summary>
    public double? AtMost { get; init; }

    /// <summary>The target: the value is to be at least this.</summary>
    public double? AtLeast { get; init; }

    /// <summary>What was measured of ours, if the value is a ratio.</summary>
    public string? Ours { get; init; }

    /// <summary>The same work done in the way that this one is compared with.</summary>
    public string? Reference { get; init; }

    /// <summary>What the figure is, and what the reference is.</summary>
    public required string Note { get; init; }

    /// <summary>Share of the machine that others used meanwhile; null: not known.</summary>
    public double? ForeignLoad { get; init; }

    public bool Missed => Value > AtMost || Value < AtLeast || double.IsNaN(Value);

    public bool HasTarget => AtMost is not null || AtLeast is not null;
}
