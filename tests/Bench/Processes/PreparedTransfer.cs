using System.Diagnostics;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>Two lists over memory that is cut into pieces of one size, and a transfer between them, which notifies.</summary>
internal sealed class PreparedTransfer : IDisposable
{
    private static readonly byte[] Notification = new byte[32];

    private readonly PreparedList _local;
    private readonly PreparedList _remote;
    private readonly NixlAgent _agent;
    private readonly TransferOperation _operation;

    public PreparedTransfer(NixlAgent agent, RemoteAgent peer, TransferOperation operation, nint own, nint other, long pieceBytes, long pieces)
    {
        (_agent, _operation, PieceBytes, Pieces) = (agent, operation, pieceBytes, pieces);
        _local = agent.PrepareLocal([new StridedRegion((ulong)own, (ulong)pieceBytes, (ulong)pieceBytes, (ulong)pieces)]);
        _remote = agent.PrepareRemote(peer, [new StridedRegion((ulong)other, (ulong)pieceBytes, (ulong)pieceBytes, (ulong)pieces)]);
        Transfer = agent.CreateTransfer(operation, _local, _remote);
    }

    public Transfer Transfer { get; }

    public long PieceBytes { get; }

    public long Pieces { get; }

    /// <summary>Native memory of both lists.</summary>
    public long NativeMemory => _local.NativeMemory + _remote.NativeMemory;

    /// <summary>Another transfer over the same lists, so that several can be in flight. The caller disposes it.</summary>
    public Transfer Another() => _agent.CreateTransfer(_operation, _local, _remote);

    public ValueTask<TransferResult> PostAsync(int[] from, int[] to) => Transfer.PostAsync(from, to, Notification);

    /// <summary>Seconds from before the post until the outcome, which with a notification is its acknowledgement.</summary>
    public async Task<double> RunAsync(int[] from, int[] to)
    {
        var start = Stopwatch.GetTimestamp();
        await PostAsync(from, to);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        Transfer.Dispose();
        _local.Dispose();
        _remote.Dispose();
    }
}
