using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>Two agents in this process, over the loopback transport.</summary>
internal sealed class OneProcess : IAsyncDisposable
{
    private static int _count;
    private readonly Side _other;
    private readonly Drain _drain;

    private OneProcess(Side own, Side other, RemoteAgent remote) => (Own, _other, Remote, _drain) = (own, other, remote, new Drain(other.Agent));

    public Side Own { get; }

    public RemoteAgent Remote { get; }

    public static async Task<OneProcess> StartAsync(long bytes)
    {
        var name = $"{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";
        var own = await Side.CreateAsync($"bench-one-{name}", NixlTransports.Loopback, bytes, MemoryOrigin.Own);
        var other = await Side.CreateAsync($"bench-other-{name}", NixlTransports.Loopback, bytes, MemoryOrigin.Own);
        return new OneProcess(own, other, await own.Agent.ConnectAsync(other.Agent.ExportMetadata()));
    }

    /// <summary>From now on pieces are found and counted, and no byte is moved.</summary>
    public void MoveNothing()
    {
        var status = ((NativeAgentCore)Own.Agent.Runtime.Core).SetLoopbackFaults(new NativeLoopbackFaults { MoveNothing = 1 });
        if (status < 0)
            throw new InvalidOperationException($"The loopback transport answered {status}.");
    }

    public PreparedTransfer Prepare(long pieceBytes) =>
        new(Own.Agent, Remote, TransferOperation.Write, Own.Address, _other.Address, pieceBytes, Own.Bytes / pieceBytes);

    public async ValueTask DisposeAsync()
    {
        await _drain.DisposeAsync();
        await Own.DisposeAsync();
        await _other.DisposeAsync();
    }
}
