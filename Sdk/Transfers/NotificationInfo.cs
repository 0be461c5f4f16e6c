namespace Nixl.Sdk;

/// <summary>What comes with a notification besides its payload.</summary>
/// <param name="Sender">Name of the sending agent.</param>
/// <param name="SenderIncarnation">Its incarnation.</param>
/// <param name="PayloadLength">Bytes of the payload.</param>
/// <param name="WithTransfer">True if it ends a transfer, false for a free-standing one.</param>
/// <param name="Operation">Direction of that transfer, as its poster sees it.</param>
/// <param name="RequestBytes">Bytes of the WRITE that it ends, all visible by now; else 0.</param>
/// <param name="RequestOperations">Operations of that request.</param>
/// <param name="LeaseToken">The poster's <see cref="PostOptions.LeaseToken"/>.</param>
/// <param name="Attempt">The poster's <see cref="PostOptions.Attempt"/>.</param>
/// <param name="SenderConnection">Equal numbers are the same connection of the same sender.</param>
public readonly record struct NotificationInfo(
    string Sender, ulong SenderIncarnation, int PayloadLength, bool WithTransfer, TransferOperation Operation, long RequestBytes,
    long RequestOperations, ulong LeaseToken, uint Attempt, ulong SenderConnection);
