using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>nixl_arena_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeArenaParams
{
    public uint StructSize;
    public uint HugePages;
    public ulong Length;
    public uint NumaNodePlusOne;
    public uint Reserved;
}

/// <summary>nixl_arena_info</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeArenaInfo
{
    public ulong Arena;
    public ulong Address;
    public ulong Length;
    public ulong PageSize;
}

/// <summary>nixl_region_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeRegionParams
{
    public uint StructSize;
    public uint Kind;
    public ulong Device;
    public ulong Address;
    public ulong Length;
}

/// <summary>nixl_region_info</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeRegionInfo
{
    public ulong Region;
    public ulong Address;
    public ulong Length;
    public ulong Device;
    public uint Kind;
    public uint Transports;
    public ulong Arena;
    public ulong Lists;
}

/// <summary>nixl_list_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeListParams
{
    public uint StructSize;
    public uint Mode;
    public ulong Peer;
    public StridedRegion* Regions;
    public ulong RegionCount;
}

/// <summary>nixl_list_info</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeListInfo
{
    public ulong Entries;
    public ulong Regions;
    public ulong BytesPerEntry;
    public ulong MemoryBytes;
    public ulong Peer;
    public uint Mode;
    public uint Reserved;
}
