using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>The C functions about arenas, registrations and prepared lists.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_arena_create")]
    public static partial int ArenaCreate(nint agent, NativeArenaParams* parameters, NativeArenaInfo* arena);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_arena_destroy")]
    public static partial int ArenaDestroy(nint agent, ulong arena);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_memory_register")]
    public static partial int MemoryRegister(nint agent, NativeRegionParams* parameters, ulong* region);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_memory_deregister")]
    public static partial int MemoryDeregister(nint agent, ulong region, ulong timeoutNs);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_memory_query")]
    public static partial int MemoryQuery(nint agent, ulong region, NativeRegionInfo* info);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_list_prepare")]
    public static partial int ListPrepare(nint agent, NativeListParams* parameters, ulong* list);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_list_release")]
    public static partial int ListRelease(nint agent, ulong list);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_list_info")]
    public static partial int ListInfo(nint agent, ulong list, NativeListInfo* info);
}
