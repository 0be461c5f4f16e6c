namespace Nixl.Sdk.Serving;

/// <summary>Not everything has come, so nothing is served. The message names the first bytes that are missing.</summary>
/// <param name="arrival">What has come, and what has not.</param>
/// <param name="message">What is wrong and what to do.</param>
public sealed class IncompleteArrivalException(Arrival arrival, string message) : NixlException(NixlStatus.Mismatch, message)
{
    /// <summary>What has come, and what has not.</summary>
    public Arrival Arrival { get; } = arrival;
}
