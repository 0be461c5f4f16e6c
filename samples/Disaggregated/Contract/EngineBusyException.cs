namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine does not take a request now.</summary>
/// <param name="isFull">True: its queue is full (429). False: it is not ready yet, or leaves (503).</param>
/// <param name="reason">Which limit, and its value.</param>
internal sealed class EngineBusyException(bool isFull, string reason) : Exception(reason)
{
    internal bool IsFull => isFull;
}
