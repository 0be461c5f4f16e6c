using System.Globalization;
using System.Text;

namespace Nixl.Sdk;

/// <summary>Turns statuses and details into typed exceptions. The one place that knows which status is which type.</summary>
internal static class NixlErrors
{
    public static Exception Create(in NixlErrorDetails details, string what)
    {
        var message = Describe(details, what);
        var status = details.Status;
        var (peer, entry, address, length, system) =
            (details.Peer, details.Entry, details.Address, details.Length, details.SystemError);
        return status switch
        {
            NixlStatus.InvalidParameter => new NixlInvalidArgumentException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.NotFound => new NixlNotFoundException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.Backend => new NixlBackendException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.Mismatch => new MetadataException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.RemoteDisconnect => new PeerDisconnectedException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.SuspectPeer => new PeerSuspectException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.StalePeer => new StalePeerException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.Timeout => new TransferTimeoutException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.Busy => new NixlBusyException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.Closed => new NixlClosedException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
            NixlStatus.Abi => new NativeLibraryException(status, message) { SystemError = system },
            // Misuse of our own objects, so the exceptions that .NET has for it.
            NixlStatus.RepostActive => new InvalidOperationException(message),
            NixlStatus.Canceled => new OperationCanceledException(message),
            _ => new NixlException(status, message)
                { Peer = peer, Entry = entry, Address = address, Length = length, SystemError = system },
        };
    }

    /// <summary>"WRITE failed: STATUS: text (peer 'x', entry 3, address range [0x…, 0x…), errno 5)".</summary>
    private static string Describe(in NixlErrorDetails details, string what)
    {
        var text = new StringBuilder(what).Append(": ").Append(Name(details.Status)).Append(": ")
            .Append(string.IsNullOrEmpty(details.Text) ? Hint(details.Status) : details.Text);
        var separator = " (";
        if (!string.IsNullOrEmpty(details.Peer))
        {
            text.Append(separator).Append("peer '").Append(details.Peer).Append('\'');
            separator = ", ";
        }

        if (details.Entry is { } entry)
        {
            text.Append(separator).Append(CultureInfo.InvariantCulture, $"entry {entry}");
            separator = ", ";
        }

        if (details.Address is { } address && details.Length is { } length)
        {
            text.Append(separator).Append(CultureInfo.InvariantCulture, $"address range [0x{address:x}, 0x{address + length:x})");
            separator = ", ";
        }

        if (details.SystemError != 0)
        {
            text.Append(separator).Append(CultureInfo.InvariantCulture, $"system error {details.SystemError}");
            separator = ", ";
        }

        return (separator[0] == ',' ? text.Append(')') : text).ToString();
    }

    /// <summary>NIXL's spelling, so that a message can be searched for.</summary>
    public static string Name(NixlStatus status) => status switch
    {
        NixlStatus.Success => "SUCCESS",
        NixlStatus.InProgress => "IN_PROG",
        NixlStatus.NotPosted => "NOT_POSTED",
        NixlStatus.InvalidParameter => "INVALID_PARAM",
        NixlStatus.Backend => "BACKEND",
        NixlStatus.NotFound => "NOT_FOUND",
        NixlStatus.Mismatch => "MISMATCH",
        NixlStatus.NotAllowed => "NOT_ALLOWED",
        NixlStatus.RepostActive => "REPOST_ACTIVE",
        NixlStatus.Unknown => "UNKNOWN",
        NixlStatus.NotSupported => "NOT_SUPPORTED",
        NixlStatus.RemoteDisconnect => "REMOTE_DISCONNECT",
        NixlStatus.Canceled => "CANCELED",
        NixlStatus.NoTelemetry => "NO_TELEMETRY",
        NixlStatus.Timeout => "TIMEOUT",
        NixlStatus.Busy => "BUSY",
        NixlStatus.BufferTooSmall => "BUFFER_TOO_SMALL",
        NixlStatus.StalePeer => "STALE_PEER",
        NixlStatus.Abi => "ABI",
        NixlStatus.Permission => "PERMISSION",
        NixlStatus.OutOfMemory => "OUT_OF_MEMORY",
        NixlStatus.SuspectPeer => "SUSPECT_PEER",
        NixlStatus.Closed => "CLOSED",
        _ => ((int)status).ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>What to do, for failures that come without a sentence of their own (asynchronous ones).</summary>
    public static string Hint(NixlStatus status) => status switch
    {
        NixlStatus.RemoteDisconnect =>
            "the peer's process is gone or its connection broke; treat its blocks as not arrived and connect again when it is back",
        NixlStatus.Timeout =>
            "the deadline passed; the buffers stay locked until Quiesced, raise the timeout or look at the peer's load",
        NixlStatus.StalePeer => "the peer was invalidated or restarted; fetch its metadata, connect and prepare again",
        NixlStatus.SuspectPeer => "the peer has been silent for too long; retry when it is heard again, or invalidate it",
        NixlStatus.Backend => "the transport failed; the log has the provider's own words",
        NixlStatus.Permission => "the peer or the operating system refuses access; the region may have been deregistered there",
        NixlStatus.Closed => "the agent was closed while the operation was in flight",
        NixlStatus.Busy => "a bounded table is full or the object is in use; wait for running transfers to quiesce",
        NixlStatus.RepostActive => "the transfer is still running; await its outcome and Quiesced before posting it again",
        NixlStatus.Canceled => "cancelled on request",
        NixlStatus.NotFound => "no such peer, registration, list or operation",
        _ => "no further details",
    };
}
