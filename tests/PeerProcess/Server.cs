using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Nixl.Sdk.PeerProcess;

/// <summary>
/// One agent with one tensor. Says "metadata BASE64" and then answers each line of stdin with one line:
/// <code>
/// connect BASE64 ADDRESS   connects to a peer whose tensor of the same shape lies there     → connected
/// fill SEED                fills the own memory with random bytes                            → filled
/// write                    writes all blocks to the peer for ever, notifying each time      → writing (after the first)
/// poison BYTE              fills the own memory with one byte                                → poisoned
/// hash                     SHA-256 of the own bytes                                          → hash HEX
/// exit                     disposes and ends                                                 → bye
/// </code>
/// End of input ends it too, so that it never outlives the test.
/// </summary>
internal static class Server
{
    public static async Task<int> RunAsync(string name, NixlTransports transport, int blocks, int blockBytes, bool arena)
    {
        var length = (long)blocks * blockBytes;
        await using var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = name, Transports = transport });
        var (address, own) = Allocate(agent, length, arena);
        Say($"metadata {Convert.ToBase64String(agent.ExportMetadata())} {address}");
        Transfer? transfer = null;
        var ids = Enumerable.Range(0, blocks).ToArray();
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ');
            switch (words[0])
            {
                case "connect":
                    var peer = await agent.ConnectAsync(Convert.FromBase64String(words[1]));
                    var remote = agent.PrepareRemote(peer, [Region(ulong.Parse(words[2], null), blocks, blockBytes)]);
                    transfer = agent.CreateTransfer(
                        TransferOperation.Write, agent.PrepareLocal([Region((ulong)address, blocks, blockBytes)]), remote);
                    Say("connected");
                    break;
                case "fill":
                    Fill(address, length, int.Parse(words[1], null));
                    Say("filled");
                    break;
                case "write":
                    await transfer!.PostAsync(ids, ids, "first"u8);
                    Say("writing");
                    _ = WriteForeverAsync(transfer, ids);
                    break;
                case "poison":
                    Own(address, length).Fill(byte.Parse(words[1], null));
                    Say("poisoned");
                    break;
                case "hash":
                    Say($"hash {Convert.ToHexString(SHA256.HashData(Own(address, length)))}");
                    break;
                case "exit":
                    Say("bye");
                    return 0;
                default:
                    return 65;
            }
        }

        GC.KeepAlive(own);
        return 0;
    }

    private static async Task WriteForeverAsync(Transfer transfer, int[] ids)
    {
        while (true)
            await transfer.PostAsync(ids, ids);
    }

    private static unsafe (nint Address, object Owner) Allocate(NixlAgent agent, long length, bool arena)
    {
        if (arena)
        {
            var made = agent.CreateArena(length);
            return (made.Address, made);
        }

        var memory = (nint)NativeMemory.AlignedAlloc((nuint)length, 4096); // Until the process ends.
        return (memory, agent.Register(memory, length));
    }

    private static StridedRegion Region(ulong address, int blocks, int blockBytes) =>
        new(address, (ulong)blockBytes, (ulong)blockBytes, (ulong)blocks);

    private static void Fill(nint address, long length, int seed) => new Random(seed).NextBytes(Own(address, length));

    private static unsafe Span<byte> Own(nint address, long length) => new((void*)address, checked((int)length));

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
