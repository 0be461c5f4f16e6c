using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

// What waits to be read: events and notifications.
internal sealed partial class FakeAgentCore
{
    private readonly Queue<NativeEvent> _events = new();
    private readonly Queue<FakeNotification> _notifications = new();
    private bool _arrived;
    private bool _woken;

    public override NixlStatus Wait(ulong timeoutNs, out bool arrivals)
    {
        var timeout = TimeSpan.FromTicks((long)(timeoutNs / 100));
        for (var again = true; ; again = _signal.WaitOne(timeout))
        {
            lock (_network.Sync)
            {
                RunDue();
                arrivals = _arrived;
                if (_events.Count > 0 || _arrived || _woken)
                {
                    _arrived = _woken = false;
                    return NixlStatus.Success;
                }
            }

            if (!again)
                return NixlStatus.Timeout;
        }
    }

    public override void Wake()
    {
        lock (_network.Sync)
            _woken = true;
        Signal();
    }

    public override int ReadEvents(Span<NativeEvent> events)
    {
        lock (_network.Sync)
        {
            var count = 0;
            while (count < events.Length && _events.TryDequeue(out events[count]))
                count++;
            return count;
        }
    }

    public override unsafe NixlStatus ReadNotification(ref NativeNotification header, Span<byte> payload)
    {
        lock (_network.Sync)
        {
            if (!_notifications.TryPeek(out var n))
                return NixlStatus.NotFound;
            header = new NativeNotification { PayloadLength = (ulong)n.Payload.Length };
            if (n.Payload.Length > payload.Length)
                return Fail(NixlStatus.BufferTooSmall, $"the notification has {n.Payload.Length} bytes, the buffer {payload.Length}");
            _notifications.Dequeue();
            n.Payload.CopyTo(payload);
            header.Sender = n.Connection.Id;
            header.SenderIncarnation = n.SenderIncarnation;
            header.RequestBytes = n.Bytes;
            header.RequestOperations = n.Operations;
            header.Request = n.Request;
            header.Op = (uint)n.Op;
            header.WithTransfer = n.WithTransfer ? 1u : 0;
            header.ArrivedNs = n.ArrivedNs;
            fixed (byte* name = header.SenderName)
                NativeText.Write(name, NativeConstants.NameMax + 8, n.Sender);
            _network.Find(n.Sender)?.Signal(); // A credit is back: its posts may go on.
            return NixlStatus.Success;
        }
    }

    private void AddEvent(in NativeEvent e)
    {
        _events.Enqueue(e);
        Signal();
    }

    /// <summary>False while the sender has used up its credits here.</summary>
    private bool TryDeliver(FakeNotification notification)
    {
        var credits = _options.MaxNotifications == 0 ? 256 : _options.MaxNotifications;
        foreach (var waiting in _notifications)
        {
            if (waiting.Connection == notification.Connection && --credits == 0)
                return false;
        }

        _notifications.Enqueue(notification);
        _counters.NotificationsReceived++;
        _arrived = true;
        Signal();
        return true;
    }
}
