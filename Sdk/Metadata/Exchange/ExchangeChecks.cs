using System.Runtime.CompilerServices;

namespace Nixl.Sdk.Metadata;

internal static class ExchangeChecks
{
    public static void Name(string agent, [CallerArgumentExpression(nameof(agent))] string? parameter = null)
    {
        ArgumentNullException.ThrowIfNull(agent, parameter);
        if (!MetadataFormat.IsName(agent))
            throw new ArgumentException($"'{agent}' is not an agent name ([A-Za-z0-9._-], 1 to 128 characters).", parameter);
    }

    public static void Timeout(TimeSpan timeout, [CallerArgumentExpression(nameof(timeout))] string? parameter = null)
    {
        if (timeout <= TimeSpan.Zero || timeout > TimeSpan.FromDays(1))
            throw new ArgumentOutOfRangeException(parameter, timeout, "The time-out must be positive and at most one day.");
    }
}
