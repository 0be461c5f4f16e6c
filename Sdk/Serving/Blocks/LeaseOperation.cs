namespace Nixl.Sdk.Serving;

/// <summary>
/// A transfer of our own that reads or writes a lease's blocks. Begin it before the post and end it when the transport can no longer
/// touch the blocks: at <see cref="Transfer.Quiesced"/>, not at the outcome. After success both come together.
/// </summary>
/// <remarks>Thread-safe. Begun by <see cref="BlockLease.BeginPull"/> and <see cref="BlockLease.BeginPush"/>.</remarks>
public sealed class LeaseOperation
{
    private readonly LeaseGrant _grant;

    internal LeaseOperation(LeaseGrant grant) => _grant = grant;

    /// <summary>Whether the blocks are still held by it.</summary>
    public bool IsOpen => _grant.IsOpen;

    /// <summary>A READ that was begun with <see cref="BlockLease.BeginPull"/> succeeded: these bytes have come.</summary>
    /// <param name="result">The outcome; its bytes must be those that the runs name.</param>
    /// <param name="runs">What was read.</param>
    /// <returns><see cref="LeaseAnswer.Malformed"/> if the bytes are others, and nothing counts then.</returns>
    /// <exception cref="InvalidOperationException">It reads out of the lease, or has ended.</exception>
    public LeaseAnswer Arrived(in TransferResult result, params ReadOnlySpan<ArrivalRun> runs) => _grant.Lease.Pool.OwnArrived(_grant, result.Bytes, runs, []);

    /// <summary>The same, where some of it is not what the source had and counts as not having come.</summary>
    internal void Arrived(in TransferResult result, in ArrivalRun run, ReadOnlySpan<(int Layer, int Block)> spoiled) => _grant.Lease.Pool.OwnArrived(_grant, result.Bytes, [run], spoiled);

    /// <summary>The transport can no longer touch the blocks. Again: no effect.</summary>
    public void Quiesced() => _grant.Lease.Pool.OwnQuiesced(_grant);
}
