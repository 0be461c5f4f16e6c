using System.Runtime.InteropServices;

namespace Nixl.Sdk.Interop;

/// <summary>nixl_request_header: travels with every notification.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeRequestHeader
{
    public ulong LeaseToken;
    public uint Attempt;
    public uint Reserved;
}

/// <summary>nixl_post_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePostParams
{
    public uint StructSize;
    public uint Op;
    public ulong LocalList;
    public ulong RemoteList;
    public uint* LocalIds;
    public uint* RemoteIds;
    public ulong IdCount;
    public byte* Notification;
    public uint NotificationLength;
    public uint Flags;
    public ulong TimeoutNs;
    public ulong UserData;
    public NativeRequestHeader Request;
    public ulong SourceReadyEvent;
    public NativeEvent* Done;
}

/// <summary>nixl_notification_params</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeNotificationParams
{
    public uint StructSize;
    public uint PayloadLength;
    public ulong Peer;
    public byte* Payload;
    public ulong TimeoutNs;
    public ulong UserData;
    public NativeRequestHeader Request;
    public uint Flags;
    public uint Reserved;
}

/// <summary>nixl_event</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeEvent
{
    public ulong UserData;
    public uint Kind;
    public uint Flags;
    public int Status;
    public int SystemError;
    public ulong Peer;
    public ulong Bytes;
    public ulong Operations;
    public ulong Entry;
    public ulong Address;
    public ulong Length;
    public ulong PostedNs;
    public ulong StartedNs;
    public ulong DataDoneNs;
    public ulong SettledNs;
}

/// <summary>nixl_notification</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeNotification
{
    public ulong Sender;
    public ulong SenderIncarnation;
    public fixed byte SenderName[NativeConstants.NameMax + 8];
    public ulong PayloadLength;
    public ulong RequestBytes;
    public ulong RequestOperations;
    public NativeRequestHeader Request;
    public uint Op;
    public uint WithTransfer;
    public uint ArrivalSlot;
    public uint ArrivalGeneration;
    public ulong ArrivedNs;
}

/// <summary>nixl_event_kind</summary>
internal enum NativeEventKind : uint
{
    Transfer = 0,
    NotificationSent = 1,
    PeerConnected = 2,
    PeerState = 3,
}

/// <summary>nixl_event_flags: the two ends of an operation. Quiesced never comes before the outcome.</summary>
[Flags]
internal enum NativeEventFlags : uint
{
    None = 0,
    Outcome = 1,
    Quiesced = 2,
}

/// <summary>nixl_wait: what ended a wait.</summary>
[Flags]
internal enum NativeWait : uint
{
    None = 0,
    Events = 1,
    Arrivals = 2,
    Woken = 4,
}

/// <summary>nixl_post_flags</summary>
[Flags]
internal enum NativePostFlags : uint
{
    None = 0,
    Notify = 1,
    Now = 2,
}
