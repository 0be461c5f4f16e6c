using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests;

/// <summary>The common case: equal memory on both sides, lists over it, a WRITE from A to B.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private Bench(Pair pair, TestMemory own, TestMemory other, PreparedList local, PreparedList remote)
    {
        Pair = pair;
        Own = own;
        Other = other;
        Local = local;
        Remote = remote;
    }

    public Pair Pair { get; }

    public TestMemory Own { get; }

    public TestMemory Other { get; }

    public PreparedList Local { get; }

    public PreparedList Remote { get; }

    public static async Task<Bench> CreateAsync(
        Backend backend, int blocks = 64, int blockBytes = 4096, bool arena = true, Action<NixlAgentOptions>? change = null)
    {
        var pair = await Pair.CreateAsync(backend, change);
        var own = pair.MemoryOfA((long)blocks * blockBytes, arena);
        var other = pair.MemoryOfB((long)blocks * blockBytes, arena);
        await pair.ConnectAsync();
        new Random(11).NextBytes(own.Span);
        var local = pair.A.PrepareLocal([new StridedRegion(own.Address, (ulong)blockBytes, (ulong)blockBytes, (ulong)blocks)]);
        var remote = pair.A.PrepareRemote(
            pair.ToB, [new StridedRegion(other.Address, (ulong)blockBytes, (ulong)blockBytes, (ulong)blocks)]);
        return new Bench(pair, own, other, local, remote);
    }

    public Transfer Write() => Pair.A.CreateTransfer(TransferOperation.Write, Local, Remote);

    public Transfer Read() => Pair.A.CreateTransfer(TransferOperation.Read, Local, Remote);

    public async ValueTask DisposeAsync()
    {
        await Pair.DisposeAsync();
        Local.Dispose();
        Remote.Dispose();
    }
}
