namespace Nixl.Sdk;

/// <summary>The outcome of a successful transfer, counted by the transport that carried it.</summary>
/// <param name="Bytes">Bytes moved.</param>
/// <param name="Operations">Operations given to the transport, after merging neighbours and splitting large pieces.</param>
/// <param name="Queued">From the post to the first operation.</param>
/// <param name="DataTime">From the first operation to the last data completion.</param>
/// <param name="Total">From the post to the outcome, the notification's acknowledgement included.</param>
/// <param name="Transport">The transport that carried it.</param>
public readonly record struct TransferResult(
    long Bytes, long Operations, TimeSpan Queued, TimeSpan DataTime, TimeSpan Total, NixlTransports Transport);
