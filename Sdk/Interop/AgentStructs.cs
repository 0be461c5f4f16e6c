using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

// Mirrors of nixl_sdk.h. Field order and widths are the contract; AbiLayoutTests compares them with nixl_abi_describe().
// Names in the comments are the C ones.

/// <summary>nixl_error</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeError
{
    public uint StructSize;
    public int Status;
    public int SystemError;
    public uint EntryValid;
    public ulong Entry;
    public ulong Address;
    public ulong Length;
    public fixed byte Peer[NativeConstants.NameMax + 8];
    public fixed byte Text[NativeConstants.TextMax];
}

/// <summary>nixl_agent_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeAgentParams
{
    public uint StructSize;
    public uint Transports;
    public byte* Name;
    public ulong Incarnation;
    public byte* ListenHost;
    public byte* AdvertiseHost;
    public uint ListenPort;
    public uint MaxTransfers;
    public uint MaxNotifications;
    public uint WindowOperations;
    public ulong WindowBytes;
    public ulong ChunkBytes;
    public ulong SpinNs;
    public ulong DefaultTimeoutNs;
    public ulong SuspectAfterNs;
    public ulong QuiesceGraceNs;
    public byte* FabricLibrary;
    public byte* FabricProvider;
    public byte* FabricRails;
    public ulong PackingPieceBytes;
    public ulong StagingBytes;
    public uint Packing;
    public uint CopierThreads;
}

/// <summary>nixl_transport_counters</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeTransportCounters
{
    public uint Transport;
    public uint Reserved;
    public ulong WrittenBytes;
    public ulong ReadBytes;
    public ulong Operations;
    public ulong Transfers;
    public ulong Failures;
    public ulong NotificationsSent;
    public ulong NotificationsReceived;
    public ulong NotificationsDroppedLate;
}

/// <summary>nixl_loopback_faults</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeLoopbackFaults
{
    public uint StructSize;
    public uint FailEvery;
    public ulong DelayNs;
    public ulong Seed;
    public uint Hang;
    public uint MoveNothing;
    public uint Rails;
    public uint OperationBytes;
    public uint KillAfter;
    public uint WithholdReceives;
}

/// <summary>The #defines of the header.</summary>
internal static class NativeConstants
{
    public const uint AbiVersion = 3;
    public const int NameMax = 128;
    public const int NotificationMax = 65536;
    public const int TextMax = 512;
}
