using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>The C functions about peers and transfers.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_peer_connect")]
    public static partial int PeerConnect(nint agent, NativePeerParams* parameters, ulong* peer);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_peer_invalidate")]
    public static partial int PeerInvalidate(nint agent, ulong peer);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_peer_info")]
    public static partial int PeerInfo(nint agent, ulong peer, NativePeerInfo* info);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_peer_rails")]
    public static partial int PeerRails(nint agent, ulong peer, NativeRailInfo* rails, ulong capacity, ulong* count);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_transfer_post")]
    public static partial int TransferPost(nint agent, NativePostParams* parameters, ulong* transfer);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_transfer_cancel")]
    public static partial int TransferCancel(nint agent, ulong transfer);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_transfer_state")]
    public static partial int TransferState(nint agent, ulong transfer);
}
