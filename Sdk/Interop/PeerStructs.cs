using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>nixl_peer_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePeerParams
{
    public uint StructSize;
    public uint Transports;
    public byte* Metadata;
    public ulong MetadataLength;
    public ulong TimeoutNs;
    public ulong UserData;
}

/// <summary>nixl_peer_info</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePeerInfo
{
    public fixed byte Name[NativeConstants.NameMax + 8];
    public ulong Incarnation;
    public uint State;
    public uint Transport;
    public ulong Regions;
    public ulong InFlightOperations;
    public ulong InFlightBytes;
    public ulong ProcessId;
    public fixed byte TransportVersion[64];
    public fixed byte Provider[64];
    public fixed byte Reason[NativeConstants.TextMax];
}

/// <summary>nixl_rail_info</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeRailInfo
{
    public uint Rail;
    public uint State;
    public ulong WrittenBytes;
    public ulong ReadBytes;
    public ulong Operations;
    public ulong Repeated;
    public ulong Losses;
    public fixed byte Device[64];
}
