using System.Globalization;

namespace Nixl.Sdk.Serving;

/// <summary>
/// What a peer shows to be served under a grant: a random number that cannot be guessed, and the incarnation of the pool that drew it, so
/// that a token of an earlier life is recognised. One token belongs to one grant of one peer and is never used again.
/// </summary>
/// <param name="Value">The number, never 0; <see cref="PostOptions.LeaseToken"/> carries it.</param>
/// <param name="Incarnation">The incarnation of the agent whose pool gave it.</param>
public readonly record struct LeaseToken(ulong Value, ulong Incarnation)
{
    /// <summary>Only the beginning: whoever reads a log must not be able to use it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value >> 48:x4}…@{Incarnation:x16}");
}
