namespace Nixl.Sdk.Serving;

/// <summary>A reservation waited for its whole time and did not get its blocks. Nothing was taken.</summary>
/// <param name="snapshot">Where the blocks were.</param>
/// <param name="message">What is wrong and what to do.</param>
public sealed class BlocksExhaustedException(BlockPoolSnapshot snapshot, string message) : NixlException(NixlStatus.Timeout, message)
{
    /// <summary>Where the blocks were.</summary>
    public BlockPoolSnapshot Snapshot { get; } = snapshot;
}
