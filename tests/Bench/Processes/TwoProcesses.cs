using System.Globalization;
using System.Security.Cryptography;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>An agent here and one in another process, connected from here, each with memory of the same size; ours is random.</summary>
internal sealed class TwoProcesses : IAsyncDisposable
{
    private static int _count;

    private TwoProcesses(Side own, Conversation peer, RemoteAgent remote, nint address, long pageSize)
    {
        Own = own;
        Peer = peer;
        Remote = remote;
        RemoteAddress = address;
        RemotePageSize = pageSize;
    }

    public Side Own { get; }

    /// <summary>Obeys the commands of <see cref="PeerProgram"/>.</summary>
    public Conversation Peer { get; }

    public RemoteAgent Remote { get; }

    public nint RemoteAddress { get; }

    public long RemotePageSize { get; }

    public NixlAgent Agent => Own.Agent;

    public static async Task<TwoProcesses> StartAsync(
        NixlTransports transport, long bytes, MemoryOrigin origin = MemoryOrigin.Arena, int copiers = 0)
    {
        var number = Interlocked.Increment(ref _count);
        var own = await Side.CreateAsync($"bench-{Environment.ProcessId}-{number}", transport, bytes, origin, copiers);
        new Random(number).NextBytes(own.Memory);
        Conversation? peer = null;
        try
        {
            peer = new Conversation(
                "the peer", Environment.ProcessPath!, typeof(TwoProcesses).Assembly.Location, "--peer", $"peer-{Environment.ProcessId}-{number}",
                transport.ToString(), bytes.ToString(CultureInfo.InvariantCulture), origin.ToString());
            var said = (await peer.HearAsync("metadata")).Split(' ');
            var remote = await own.Agent.ConnectAsync(Convert.FromBase64String(said[0]));
            if (remote.Transport != transport)
                throw new InvalidOperationException($"{transport} was asked for, and {remote.Transport} is used: {remote.Reason}");
            return new TwoProcesses(
                own, peer, remote, nint.Parse(said[1], CultureInfo.InvariantCulture), long.Parse(said[2], CultureInfo.InvariantCulture));
        }
        catch
        {
            peer?.Dispose();
            await own.DisposeAsync();
            throw;
        }
    }

    /// <summary>The peer gets a connection to us.</summary>
    public async Task ConnectBackAsync() =>
        await Peer.AskAsync($"connect {Convert.ToBase64String(Agent.ExportMetadata())}", "connected");

    /// <summary>The whole memory on both sides, in pieces of one size.</summary>
    public PreparedTransfer Prepare(long pieceBytes, TransferOperation operation = TransferOperation.Write) =>
        new(Agent, Remote, operation, Own.Address, RemoteAddress, pieceBytes, Own.Bytes / pieceBytes);

    /// <summary>Moves once into a poisoned target, outside of all timing, and compares every byte.</summary>
    public async Task VerifyAsync(PreparedTransfer transfer, int[] from, int[] to)
    {
        await Peer.AskAsync("poison 165", "poisoned");
        await transfer.RunAsync(from, to);
        var expected = new byte[Own.Bytes];
        expected.AsSpan().Fill(165);
        var piece = (int)transfer.PieceBytes;
        for (var i = 0; i < from.Length; i++)
            Own.Memory.Slice(from[i] * piece, piece).CopyTo(expected.AsSpan(to[i] * piece));
        if (await Peer.AskAsync("hash", "hash") != Convert.ToHexString(SHA256.HashData(expected)))
            throw new InvalidDataException($"The peer does not have the bytes that {Remote.Transport} was to write: {from.Length} pieces of {piece} bytes.");
    }

    public async ValueTask DisposeAsync()
    {
        Peer.Dispose();
        await Own.DisposeAsync();
    }
}
