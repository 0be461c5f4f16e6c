namespace Nixl.Sdk.Serving;

// The one reader of the agent's notifications.
public sealed partial class KvConnector
{
    private long _messages;
    private long _othersRead;
    private long _othersDropped;
    private long _late;
    private long _malformed;
    private long _notGranted;
    private long _refused;

    private readonly KvPartBook _parts = new();
    private readonly RecentCancels _cancelled = new(); // dispatcher only

    private async Task DispatchAsync()
    {
        var buffer = new byte[NixlAgent.MaxNotificationBytes];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await ReadAllAsync(buffer).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return; // The connector or its agent ends.
            }
#pragma warning disable CA1031 // What goes wrong with one notification must not stop the others.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Agent.Runtime.Log.DispatchFailed(exception);
            }
            await Task.Delay(Options.CheckInterval, Options.TimeProvider, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Until the agent is disposed.
    private async Task ReadAllAsync(byte[] buffer)
    {
        do
        {
            var handled = false;
            while (!Agent.IsDisposed && Agent.TryReadNotification(buffer, out var info))
            {
                handled = true;
                if (KvMessageFormat.IsMessage(buffer.AsSpan(0, info.PayloadLength))) Handle(info, buffer.AsSpan(0, info.PayloadLength));
                else await DeliverOtherAsync(info, buffer).ConfigureAwait(false);
            }
            // Whoever waited for what has come goes on here and now, on this thread, before it looks for more: another one would have to be woken.
            if (handled) await Task.Yield();
        }
        while (await Agent.WaitForNotificationAsync(_stop.Token).ConfigureAwait(false));
    }

    private ValueTask DeliverOtherAsync(in NotificationInfo info, byte[] buffer)
    {
        if (_others is null)
        {
            Interlocked.Increment(ref _othersDropped);
            return default;
        }
        Interlocked.Increment(ref _othersRead);
        return _others.Writer.WriteAsync(new Notification(info, buffer.AsSpan(0, info.PayloadLength).ToArray()), _stop.Token);
    }

    private async Task DeliverOthersAsync()
    {
        if (_others is null) return;
        await foreach (var other in _others.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
        {
            try
            {
                await Options.OtherNotification!(other).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // A handler's exception must not stop later notifications.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                Agent.Runtime.Log.DispatchFailed(exception);
            }
        }
    }

    // Nothing that a peer sends may end the dispatcher.
    private void Handle(in NotificationInfo info, ReadOnlySpan<byte> payload)
    {
        Interlocked.Increment(ref _messages);
        try
        {
            switch (KvMessageCodec.TryDecode(payload))
            {
                case KvAccessMessage access:
                    Begin(info, access, 0);
                    break;
                case KvPartMessage part:
                    Assemble(info, part);
                    break;
                case KvWroteMessage wrote:
                    if (Find(wrote.Id, info) is { } written) Wrote(written, info, wrote);
                    break;
                case KvHeartbeatMessage heartbeat:
                    foreach (var id in heartbeat.Ids)
                        if (Find(id, info) is { } alive && !alive.Heartbeat()) SendCancel(alive);
                    break;
                case KvEndMessage end:
                    if (Find(end.Id, info) is { } ended) End(ended, end);
                    break;
                case KvCancelMessage cancel:
                    Cancel(info, cancel);
                    break;
                case KvAskMessage ask:
                    Asked(info, ask);
                    break;
                case KvAnswerMessage answer:
                    Answered(info, answer);
                    break;
                default:
                    Interlocked.Increment(ref _malformed);
                    break;
            }
        }
#pragma warning disable CA1031 // What goes wrong with one message must not stop those of others.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Agent.Runtime.Log.DispatchFailed(exception);
        }
    }

    private KvLink? Find(ulong id, in NotificationInfo info)
    {
        if (!_given.TryGetValue(id, out var link))
        {
            Interlocked.Increment(ref _late);
            return null;
        }
        if (link.Identity == PeerIdentity.Of(info)) return link;
        Interlocked.Increment(ref _notGranted);
        return null;
    }

    private void Begin(in NotificationInfo info, KvAccessMessage access, int longBytes)
    {
        if (Agent.Runtime.FindPeer(info.Sender, info.SenderIncarnation) is not { } giver)
        {
            // Not connected to it, or not any more: it waits for an answer, and gets it as soon as there is a way.
            Interlocked.Increment(ref _refused);
            _cancelled.Add(PeerIdentity.Of(info), access.Id);
            Send(PeerIdentity.Of(info), new KvEndMessage(access.Id, KvOutcome.Refused, $"agent '{Agent.Name}' is not connected to '{info.Sender}'; retry later", default));
            return;
        }
        if (_cancelled.Contains(PeerIdentity.Of(info), access.Id))
        {
            Interlocked.Increment(ref _late); // and that it has ended was told
            return;
        }
        var identity = PeerIdentity.Of(info);
        var held = new KvHeld(this, giver, access, longBytes, _open.TryTake(identity), _waiting.TryTake(identity));
        if (!_held.TryAdd((identity, access.Id), held))
        {
            held.Open?.Free();
            held.Waiting?.Free();
            Interlocked.Increment(ref _malformed); // said twice
            return;
        }
        var problem = IsDisposed ? "the connector is disposed"
            : held.Open is null || held.Waiting is null ? $"'{identity.Name}' has its share of the accesses that may {(held.Open is null ? "be open" : "wait")} here; retry later"
            : !_roles.TryGetValue((access.Kind, access.ToPool), out var role) ? $"agent '{Agent.Name}' has no {(access.Kind == KvMessageKind.Request ? "producer" : "consumer")} for pool '{access.ToPool}'"
            : role.Begin(held);
        if (problem is null) return;
        held.Waiting?.Free();
        Interlocked.Increment(ref _refused);
        held.Stop(new KvHandoverException(KvOutcome.Refused, problem));
    }

    private void Assemble(in NotificationInfo info, KvPartMessage part)
    {
        var peer = PeerIdentity.Of(info);
        if (_cancelled.Contains(peer, part.Id))
        {
            Interlocked.Increment(ref _late);
            return;
        }
        var held = _held.Values.Where(held => held.Identity == peer).Sum(static held => (long)held.LongBytes);
        switch (_parts.Add(peer, part, held, Clock.After(Options.ConfirmTimeout), out var whole))
        {
            case KvPartOutcome.Complete when KvMessageCodec.TryDecode(whole) is KvAccessMessage access && access.Id == part.Id:
                Begin(info, access, whole!.Length);
                break;
            case KvPartOutcome.Waits:
                break;
            case KvPartOutcome.TooMuch:
                Interlocked.Increment(ref _refused);
                _cancelled.Add(peer, part.Id); // what else comes of it is late
                Send(peer, new KvEndMessage(part.Id, KvOutcome.Refused, $"long requests and offers of '{peer.Name}' have {KvPartBook.MaxBytesOfPeer} bytes already, or {KvPartBook.MaxOpen} are incomplete; retry later", default));
                break;
            default:
                Interlocked.Increment(ref _malformed);
                break;
        }
    }

    private void Wrote(KvLink link, in NotificationInfo info, KvWroteMessage wrote)
    {
        if (wrote.Group >= link.Grants.Length || link.Grants[wrote.Group].Token.Value != info.LeaseToken)
        {
            Interlocked.Increment(ref _malformed);
            return;
        }
        if (link.WithSums)
        {
            WroteWithSums(link, info, wrote);
            return;
        }
        if (link.Grants[wrote.Group].Lease.Pool.Arrived(info, wrote.Runs, out _) == LeaseAnswer.Malformed) Interlocked.Increment(ref _malformed);
        link.Owner.Wrote(link);
    }

    private void End(KvLink link, KvEndMessage end)
    {
        if (link.IsComparing) EndAfterChecks(link, end);
        else EndNow(link, end);
    }

    private void EndNow(KvLink link, KvEndMessage end)
    {
        link.Confirm();
        link.Owner.Ended(link, end);
        Close(link);
    }

    // Who asks for the end of something that we do not have gets it confirmed: nothing of ours touches its blocks under that name, and what
    // would begin it after all is refused. Else a peer whose message or whose answer got lost would wait for ever.
    private void Cancel(in NotificationInfo info, KvCancelMessage cancel)
    {
        var identity = PeerIdentity.Of(info);
        if (_held.TryGetValue((identity, cancel.Id), out var held))
        {
            held.Stop(new KvHandoverException(KvOutcome.Cancelled, $"'{identity.Name}' has cancelled the hand-over '{held.Access.Name}'."));
            return;
        }
        Interlocked.Increment(ref _late);
        _cancelled.Add(identity, cancel.Id);
        _parts.Remove(identity, cancel.Id);
        Send(identity, new KvEndMessage(cancel.Id, KvOutcome.Cancelled, "It is not known here, or has ended.", default));
    }
}
