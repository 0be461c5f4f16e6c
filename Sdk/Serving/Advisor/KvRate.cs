namespace Nixl.Sdk.Serving;

/// <summary>What something costs: a fixed part, and a part for each unit (token, byte, sequence). A straight line.</summary>
/// <param name="PerSecond">Units in a second, without the fixed part; more than nothing, and infinite where units cost nothing.</param>
/// <param name="Overhead">The fixed part: a prefill's launch, a transfer's handshake, a decode step with no sequence.</param>
public readonly record struct KvRate(double PerSecond, TimeSpan Overhead = default)
{
    /// <summary>Whether there is a figure at all. The default value is none.</summary>
    public bool IsKnown => PerSecond > 0;

    /// <summary>The time for so many units; none of them costs the overhead only.</summary>
    /// <param name="units">Not negative.</param>
    public TimeSpan For(double units) => KvSeconds.ToTime(Seconds(units));

    internal double Seconds(double units) => Overhead.TotalSeconds + (units / PerSecond);

    internal static KvRate OfLine(double overhead, double perUnit) => new(perUnit > 0 ? 1 / perUnit : double.PositiveInfinity, KvSeconds.ToTime(overhead));
}
