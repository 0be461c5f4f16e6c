using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

// Hot functions take raw handles: a SafeHandle per argument costs more than the call itself. The caller (NixlAgent's gate) keeps
// the agent alive for the duration of the call; NativeLoader.EnsureLoaded has run before.

/// <summary>The C functions about the library, the agent, and its events.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_abi_version")]
    public static partial uint AbiVersion();

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_abi_describe")]
    public static partial byte* AbiDescribe();

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_status_name")]
    public static partial byte* StatusName(int status);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_error_last")]
    public static partial int ErrorLast(NativeError* error);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_create")]
    public static partial int AgentCreate(NativeAgentParams* parameters, nint* agent);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_destroy")]
    public static partial int AgentDestroy(nint agent, ulong timeoutNs);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_describe")]
    public static partial int AgentDescribe(nint agent, byte* buffer, ulong capacity, ulong* length);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_counters")]
    public static partial int AgentCounters(nint agent, NativeTransportCounters* counters, ulong capacity, ulong* count);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_export")]
    public static partial int AgentExport(nint agent, byte* buffer, ulong capacity, ulong* length);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_loopback_set_faults")]
    public static partial int LoopbackSetFaults(nint agent, NativeLoopbackFaults* faults);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_wait_new")]
    public static partial int AgentWaitNew(nint agent, ulong timeoutNs, NativeWait* what);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_agent_wake")]
    public static partial int AgentWake(nint agent);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_event_read")]
    public static partial int EventRead(nint agent, NativeEvent* events, ulong capacity, ulong* count);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_notification_read")]
    public static partial int NotificationRead(nint agent, NativeNotification* header, byte* payload, ulong capacity);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_notification_watch")]
    public static partial int NotificationWatch(nint agent, uint* waiting);

    [LibraryImport(NativeLoader.Library, EntryPoint = "nixl_notification_send")]
    public static partial int NotificationSend(nint agent, NativeNotificationParams* parameters, ulong* operation);
}
