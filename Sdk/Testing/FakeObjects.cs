using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

/// <summary>A registration.</summary>
internal sealed class FakeRegion(ulong id, MemoryDescriptor memory, ulong arena)
{
    public ulong Id { get; } = id;

    public MemoryDescriptor Memory { get; } = memory;

    public ulong Arena { get; } = arena;

    /// <summary>Prepared lists that hold it, released ones with operations included.</summary>
    public int Lists { get; set; }

    public static bool Covers(in MemoryDescriptor memory, ulong address, ulong length, MemoryKind kind, ulong device) =>
        memory.Kind == kind && memory.Device == device && address >= memory.Address && length <= memory.Length
        && address - memory.Address <= memory.Length - length;
}

/// <summary>A prepared list.</summary>
internal sealed class FakeList(FakePeer? peer, ListMode mode, StridedRegion[] regions, FakeRegion[] holds)
{
    public FakePeer? Peer { get; } = peer;

    public ListMode Mode { get; } = mode;

    public StridedRegion[] Regions { get; } = regions;

    public FakeRegion[] Holds { get; } = holds;

    public int Uses { get; set; }

    public bool Released { get; set; }

    public ulong Entries { get; } = mode == ListMode.Block ? regions[0].Count : Sum(regions);

    /// <summary>The piece of a flat id.</summary>
    public (ulong Address, ulong Length) Piece(ulong id)
    {
        foreach (ref readonly var region in Regions.AsSpan())
        {
            if (id < region.Count)
                return (region.AddressOf(id), region.Length);
            id -= region.Count;
        }

        return default;
    }

    private static ulong Sum(StridedRegion[] regions)
    {
        ulong sum = 0;
        foreach (var region in regions)
            sum = checked(sum + region.Count);
        return sum;
    }
}

/// <summary>A connection from one fake agent to another.</summary>
internal sealed class FakePeer(ulong id, FakeAgentCore target, FakeBlob blob)
{
    public ulong Id { get; } = id;

    public FakeAgentCore Target { get; } = target;

    public FakeBlob Blob { get; set; } = blob;

    public PeerState State { get; set; } = PeerState.Connected;

    public string Reason { get; set; } = "FakeTransport: same instance";

    public bool IsFinal => State is PeerState.Disconnected or PeerState.Invalidated;
}

/// <summary>An operation in flight. Pooled.</summary>
internal sealed class FakeOperation
{
    public ulong Id;
    public NativeEventKind Kind;
    public FakePeer Peer = null!;
    public FakeList? Local;
    public FakeList? Remote;
    public TransferOperation Op;
    public uint[] Ids = [];
    public int Count;
    public byte[] Payload = [];
    public int PayloadLength;
    public bool Notify;
    public bool CancelRequested;
    public bool Moved;
    public bool Settled;
    public NativeRequestHeader Request;
    public ulong DueNs;
    public ulong DeadlineNs;
    public ulong QuiesceNs;
    public NativeEvent Event;
}

/// <summary>A notification that waits to be read.</summary>
internal sealed record FakeNotification(
    FakePeer Connection, string Sender, ulong SenderIncarnation, byte[] Payload, NativeRequestHeader Request, TransferOperation Op,
    bool WithTransfer, ulong Bytes, ulong Operations, ulong ArrivedNs);
