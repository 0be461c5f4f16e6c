using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Nixl.Sdk.Diagnostics;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

// Notifications: free-standing ones out; all of them in. One consumer style or the other, not both at once.
public sealed partial class NixlAgent
{
    /// <summary>The largest payload of a notification, in bytes.</summary>
    public const int MaxNotificationBytes = NativeConstants.NotificationMax;

    // Names by connection id, so that reading allocates nothing. Cleared when it grows: peers come and go.
    private readonly ConcurrentDictionary<ulong, string> _senders = new();
    private volatile KnownSender? _lastSender;

    /// <summary>Sends a notification without a transfer. No order with data.</summary>
    /// <param name="peer">A connected peer.</param>
    /// <param name="payload">At most <see cref="MaxNotificationBytes"/>; copied before the call returns.</param>
    /// <param name="timeout">Deadline from now; zero = the agent's default.</param>
    /// <param name="cancellationToken">Only asks: the peer may still get it.</param>
    /// <returns>Completes when the peer's core has taken it. To be awaited at most once.</returns>
    /// <exception cref="NixlInvalidArgumentException">The payload is too long.</exception>
    /// <exception cref="TransferTimeoutException">The deadline passed, for example because the peer does not read.</exception>
    /// <exception cref="PeerDisconnectedException">The peer is gone.</exception>
    public ValueTask NotifyAsync(
        RemoteAgent peer, ReadOnlySpan<byte> payload, TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        NotifyAsync(peer, new PostOptions { Notification = payload, Timeout = timeout }, cancellationToken);

    /// <summary>The same with the lease and the attempt of a request whose blocks need no transfer.</summary>
    internal ValueTask NotifyAsync(RemoteAgent peer, in PostOptions options, CancellationToken cancellationToken)
    {
        CheckPeer(peer);
        var payload = options.Notification;
        if (payload.Length > MaxNotificationBytes)
        {
            throw new NixlInvalidArgumentException(
                NixlStatus.InvalidParameter,
                $"notification to '{peer.Name}': INVALID_PARAM: {payload.Length} bytes are more than {MaxNotificationBytes}.")
            { Peer = peer.Name };
        }

        cancellationToken.ThrowIfCancellationRequested();
        return SendNow(peer, options) ? default : _notifyOperations.Rent().SendAsync(peer, options, cancellationToken);
    }

    /// <summary>Into the memory of a peer on this machine. False: not now, or not there.</summary>
    private bool SendNow(RemoteAgent peer, in PostOptions options)
    {
        if (peer.Transport != NixlTransports.Local)
            return false;
        NixlStatus status;
        Runtime.Gate.Enter();
        try
        {
            var request = new NativeRequestHeader { LeaseToken = options.LeaseToken, Attempt = options.Attempt };
            status = Runtime.Core.SendNow(peer.Id, options.Notification, request);
        }
        finally
        {
            Runtime.Gate.Exit();
        }

        if (status != NixlStatus.Success)
            return false; // Whatever is wrong, the ordinary way says it.
        CountNotification(sent: true, peer.Name);
        return true;
    }

    /// <summary>Takes one notification, without blocking and without allocating.</summary>
    /// <param name="payload">Where the payload goes; <see cref="MaxNotificationBytes"/> always suffice.</param>
    /// <param name="info">Sender, payload length and request.</param>
    /// <returns>False if there is none.</returns>
    /// <exception cref="NixlException">BUFFER_TOO_SMALL: <paramref name="payload"/> is too short; the notification stays.</exception>
    public unsafe bool TryReadNotification(Span<byte> payload, out NotificationInfo info)
    {
        Unsafe.SkipInit(out NativeNotification header);
        Runtime.Gate.Enter();
        try
        {
            var status = Runtime.Core.ReadNotification(ref header, payload);
            if (status == NixlStatus.NotFound)
            {
                info = default;
                return false;
            }

            if (status == NixlStatus.BufferTooSmall)
            {
                throw new NixlException(
                    status,
                    $"reading a notification: BUFFER_TOO_SMALL: it has {header.PayloadLength} bytes, the buffer {payload.Length}; nothing was consumed.");
            }

            if (status < 0)
                throw Runtime.Core.Failure(status, "reading a notification");
        }
        finally
        {
            Runtime.Gate.Exit();
        }

        var sender = SenderName(header.Sender, header.SenderName);
        info = new NotificationInfo(
            sender, header.SenderIncarnation, (int)header.PayloadLength, header.WithTransfer != 0, (TransferOperation)header.Op,
            (long)header.RequestBytes, (long)header.RequestOperations, header.Request.LeaseToken, header.Request.Attempt, header.Sender);
        CountNotification(sent: false, sender);
        return true;
    }

    /// <summary>What has been sent or read stays so, whatever a listener of the meter does.</summary>
    private void CountNotification(bool sent, string peer)
    {
        try
        {
            if (sent)
                NixlMetrics.NotificationSent(Name, peer);
            else
                NixlMetrics.NotificationReceived(Name, peer);
        }
#pragma warning disable CA1031 // A listener may throw anything.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Runtime.Log.DispatchFailed(exception);
        }
    }

    /// <summary>
    /// Waits until <see cref="TryReadNotification"/> is worth a try. One waiter at a time; may wake for nothing. Looks for up to
    /// <see cref="NixlAgentOptions.Spin"/> on the calling thread before it suspends, which saves two thread switches when notifications
    /// come in quick succession.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False once the agent is disposed.</returns>
    public ValueTask<bool> WaitForNotificationAsync(CancellationToken cancellationToken = default)
    {
        if (!cancellationToken.IsCancellationRequested && Runtime.Gate.TryEnter())
        {
            try
            {
                if (Runtime.Core.WatchNotifications())
                    return ValueTask.FromResult(true);
            }
            finally
            {
                Runtime.Gate.Exit();
            }
        }

        return Runtime.Arrivals.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// All notifications from now on, in order of arrival, until cancelled or the agent is disposed (then the stream ends). Allocates per
    /// notification; see <see cref="WaitForNotificationAsync"/> for the way that does not.
    /// </summary>
    /// <param name="cancellationToken">Ends the stream with <see cref="OperationCanceledException"/>.</param>
    public async IAsyncEnumerable<Notification> ReadNotificationsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MaxNotificationBytes);
        try
        {
            do
            {
                while (TryTake(buffer, out var notification))
                {
                    yield return notification;
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
            while (await WaitForNotificationAsync(cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>False if there is none or the agent is disposed.</summary>
    private bool TryTake(byte[] buffer, out Notification notification)
    {
        try
        {
            if (!IsDisposed && TryReadNotification(buffer, out var info))
            {
                notification = new Notification(info, buffer.AsSpan(0, info.PayloadLength).ToArray());
                return true;
            }
        }
        catch (ObjectDisposedException) when (IsDisposed)
        {
            // Disposed between the check and the call: the stream ends.
        }

        notification = null!;
        return false;
    }

    private unsafe string SenderName(ulong id, byte* name)
    {
        if (_lastSender is { } last && last.Id == id)
            return last.Name;
        var known = FindSender(id, name);
        _lastSender = new KnownSender(id, known);
        return known;
    }

    private unsafe string FindSender(ulong id, byte* name)
    {
        if (_senders.TryGetValue(id, out var known))
            return known;
        if (_senders.Count > 4096)
            _senders.Clear();
        return _senders.GetOrAdd(id, NativeText.Read(name, NativeConstants.NameMax + 8));
    }

    private sealed record KnownSender(ulong Id, string Name);
}
