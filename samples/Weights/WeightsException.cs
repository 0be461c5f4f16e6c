namespace Nixl.Sdk.Samples.Weights;

/// <summary>A peer's weights cannot be used; the message says which, and what to do.</summary>
internal sealed class WeightsException : Exception
{
    public WeightsException()
    {
    }

    public WeightsException(string message)
        : base(message)
    {
    }

    public WeightsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
