using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

// Transfers and notifications on their way. They run on the initiator's pump, under the network's lock.
internal sealed partial class FakeAgentCore
{
    private readonly List<FakeOperation> _pending = [];
    private readonly Stack<FakeOperation> _free = new();
    private readonly HashSet<uint> _distinct = [];

    public override unsafe NixlStatus Post(ref NativePostParams p, out ulong transfer)
    {
        transfer = 0;
        var local = new ReadOnlySpan<uint>(p.LocalIds, checked((int)p.IdCount));
        var remote = new ReadOnlySpan<uint>(p.RemoteIds, (int)p.IdCount);
        var payload = new ReadOnlySpan<byte>(p.Notification, (int)p.NotificationLength);
        lock (_network.Sync)
        {
            var from = _lists.GetValueOrDefault(p.LocalList);
            var to = _lists.GetValueOrDefault(p.RemoteList);
            if (from is null || to is null)
                return Fail(NixlStatus.NotFound, $"the {(from is null ? "local" : "remote")} list does not exist or was released");
            var status = CheckPost(from, to, local, remote, (TransferOperation)p.Op);
            if (status < 0)
                return status;
            status = Start(to.Peer!, payload, p.TimeoutNs, p.UserData, p.Request, out var op);
            if (status < 0)
                return status;
            op.Kind = NativeEventKind.Transfer;
            op.Op = (TransferOperation)p.Op;
            op.Notify = (p.Flags & (uint)NativePostFlags.Notify) != 0;
            op.Local = from;
            op.Remote = to;
            from.Uses++;
            to.Uses++;
            op.Count = local.Length;
            if (op.Ids.Length < 2 * op.Count)
                op.Ids = new uint[2 * op.Count];
            local.CopyTo(op.Ids);
            remote.CopyTo(op.Ids.AsSpan(op.Count));
            op.Event.Kind = (uint)NativeEventKind.Transfer;
            transfer = op.Id;
            return NixlStatus.Success;
        }
    }

    public override NixlStatus SendNotification(
        ulong peer, ReadOnlySpan<byte> payload, ulong timeoutNs, ulong userData, in NativeRequestHeader request, out ulong operation)
    {
        operation = 0;
        lock (_network.Sync)
        {
            if (!_peers.TryGetValue(peer, out var target))
                return Fail(NixlStatus.NotFound, $"no such peer");
            var status = Start(target, payload, timeoutNs, userData, request, out var op);
            if (status < 0)
                return status;
            op.Kind = NativeEventKind.NotificationSent;
            op.Notify = true;
            op.Event.Kind = (uint)NativeEventKind.NotificationSent;
            operation = op.Id;
            return NixlStatus.Success;
        }
    }

    public override NixlStatus Cancel(ulong operation)
    {
        lock (_network.Sync)
        {
            foreach (var op in _pending)
            {
                if (op.Id != operation)
                    continue;
                op.CancelRequested = true;
                Signal();
                return NixlStatus.Success;
            }

            return Fail(NixlStatus.NotFound, $"no such operation; it has ended");
        }
    }

    private NixlStatus CheckPost(
        FakeList local, FakeList remote, ReadOnlySpan<uint> localIds, ReadOnlySpan<uint> remoteIds, TransferOperation op)
    {
        var peer = remote.Peer?.Blob.Name;
        if (local.Peer is not null || remote.Peer is null)
            return Fail(NixlStatus.InvalidParameter, $"the lists' sides are swapped");
        if (localIds.Length == 0)
            return Fail(NixlStatus.InvalidParameter, $"a transfer needs at least one pair of ids; to move nothing and notify, send a notification", peer);
        if (local.Mode != remote.Mode)
            return Fail(NixlStatus.InvalidParameter, $"one list is addressed by block, the other by flat index", peer);
        if (local.Mode == ListMode.Block)
        {
            if (local.Regions.Length != remote.Regions.Length)
                return Fail(NixlStatus.InvalidParameter, $"the local list has {local.Regions.Length} regions, the remote one {remote.Regions.Length}", peer);
            for (var i = 0; i < local.Regions.Length; i++)
            {
                if (local.Regions[i].Length != remote.Regions[i].Length)
                    return Fail(NixlStatus.InvalidParameter, $"region {i}: local pieces have {local.Regions[i].Length} bytes, remote ones {remote.Regions[i].Length}", peer, i, remote.Regions[i].Base, remote.Regions[i].Length);
            }
        }

        _distinct.Clear();
        for (var i = 0; i < localIds.Length; i++)
        {
            if (localIds[i] >= local.Entries)
                return Fail(NixlStatus.InvalidParameter, $"position {i}: local id {localIds[i]} is out of range; the list has {local.Entries} entries", peer, i, 0, 0);
            if (remoteIds[i] >= remote.Entries)
                return Fail(NixlStatus.InvalidParameter, $"position {i}: remote id {remoteIds[i]} is out of range; the list has {remote.Entries} entries", peer, i, 0, 0);
            var target = op == TransferOperation.Write ? remoteIds[i] : localIds[i];
            if (!_distinct.Add(target))
                return Fail(NixlStatus.InvalidParameter, $"position {i}: id {target} is a destination twice; which bytes stay would be chance", peer, i, 0, 0);
            if (local.Mode == ListMode.Flat && local.Piece(localIds[i]).Length != remote.Piece(remoteIds[i]).Length)
                return Fail(NixlStatus.InvalidParameter, $"position {i}: local piece {localIds[i]} has {local.Piece(localIds[i]).Length} bytes, remote piece {remoteIds[i]} has {remote.Piece(remoteIds[i]).Length}", peer, i, remote.Piece(remoteIds[i]).Address, remote.Piece(remoteIds[i]).Length);
        }

        return NixlStatus.Success;
    }

    private NixlStatus Start(
        FakePeer peer, ReadOnlySpan<byte> payload, ulong timeoutNs, ulong userData, in NativeRequestHeader request, out FakeOperation op)
    {
        op = null!;
        if (payload.Length > NativeConstants.NotificationMax)
            return Fail(NixlStatus.InvalidParameter, $"a notification has at most {NativeConstants.NotificationMax} bytes; this one has {payload.Length}", peer.Blob.Name);
        if (peer.IsFinal)
            return FailPeer(peer);
        var limit = _options.MaxTransfers == 0 ? 4096 : _options.MaxTransfers;
        if (_pending.Count >= limit)
            return Fail(NixlStatus.Busy, $"{limit} transfers are in flight; that is the agent's limit", peer.Blob.Name);
        if (!_free.TryPop(out op!))
            op = new FakeOperation();
        var now = NowNs();
        op.Id = NextId();
        op.Peer = peer;
        op.Request = request;
        op.CancelRequested = op.Moved = op.Settled = false;
        op.PayloadLength = payload.Length;
        if (op.Payload.Length < payload.Length)
            op.Payload = new byte[payload.Length];
        payload.CopyTo(op.Payload);
        var timeout = timeoutNs != 0 ? timeoutNs : Durations.ToNanoseconds(_options.DefaultTimeout);
        op.DueNs = now + Durations.ToNanoseconds(_network.Delay);
        op.DeadlineNs = now + (timeout != 0 ? timeout : 30_000_000_000);
        op.Event = new NativeEvent { UserData = userData, Peer = peer.Id, Entry = ulong.MaxValue, PostedNs = now };
        _pending.Add(op);
        Signal();
        return NixlStatus.Success;
    }

    /// <summary>Moves on whatever can, and sets the timer for the rest. Pump thread, under the lock.</summary>
    private void RunDue()
    {
        var now = NowNs();
        var next = ulong.MaxValue;
        for (var i = 0; i < _pending.Count;)
        {
            var op = _pending[i];
            if (op.Settled)
            {
                if (now >= op.QuiesceNs)
                {
                    Quiesce(i);
                    continue;
                }

                next = Math.Min(next, op.QuiesceNs);
            }
            else if (op.CancelRequested)
            {
                Settle(i, NixlStatus.Canceled, quiesced: !_network.Hang);
                continue;
            }
            else if (!_network.Hang && now >= op.DueNs && TryRun(op, out var status))
            {
                Settle(i, status, quiesced: true);
                continue;
            }
            else if (now >= op.DeadlineNs)
            {
                Settle(i, NixlStatus.Timeout, quiesced: !_network.Hang);
                continue;
            }
            else
            {
                next = Math.Min(next, now < op.DueNs ? Math.Min(op.DueNs, op.DeadlineNs) : op.DeadlineNs);
            }

            i++;
        }

        _timer.Change(
            next == ulong.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromTicks((long)((next - Math.Min(now, next)) / 100) + 1),
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>False: it waits for a notification credit.</summary>
    private bool TryRun(FakeOperation op, out NixlStatus status)
    {
        if (!op.Moved)
        {
            op.Event.StartedNs = NowNs();
            status = _network.TakeFailure();
            if (status == NixlStatus.Success && op.Kind == NativeEventKind.Transfer)
                status = Move(op);
            if (status < 0)
                return true;
            op.Event.DataDoneNs = NowNs();
            op.Moved = true;
        }

        status = NixlStatus.Success;
        if (!op.Notify)
            return true;
        var isWrite = op.Kind == NativeEventKind.Transfer && op.Op == TransferOperation.Write;
        var delivered = op.Peer.Target.TryDeliver(new FakeNotification(
            op.Peer, Name, Incarnation, op.Payload.AsSpan(0, op.PayloadLength).ToArray(), op.Request, op.Op,
            op.Kind == NativeEventKind.Transfer, isWrite ? op.Event.Bytes : 0, isWrite ? op.Event.Operations : 0, NowNs()));
        if (delivered)
            _counters.NotificationsSent++;
        return delivered;
    }

    private static NixlStatus Move(FakeOperation op)
    {
        var (local, remote) = (op.Local!, op.Remote!);
        foreach (var region in remote.Regions)
        {
            var bytes = region.Reach;
            if (op.Peer.Target.FindRegion(region.Base, bytes, region.Kind, region.Device) is null)
            {
                (op.Event.Entry, op.Event.Address, op.Event.Length) = (0, region.Base, bytes);
                return NixlStatus.Permission; // Deregistered there after the list was prepared.
            }
        }

        for (var i = 0; i < op.Count; i++)
        {
            var (from, to) = (op.Ids[i], op.Ids[op.Count + i]);
            if (local.Mode == ListMode.Flat)
            {
                Copy(op, local.Piece(from).Address, remote.Piece(to).Address, local.Piece(from).Length);
                continue;
            }

            for (var r = 0; r < local.Regions.Length; r++)
            {
                var (l, m) = (local.Regions[r], remote.Regions[r]);
                Copy(op, l.AddressOf(from), m.AddressOf(to), l.Length);
            }
        }

        return NixlStatus.Success;
    }

    /// <summary>Both ranges are registered, so their owners keep them mapped; deregistering waits for the lock.</summary>
    private static unsafe void Copy(FakeOperation op, ulong local, ulong remote, ulong length)
    {
        var (from, to) = op.Op == TransferOperation.Write ? (local, remote) : (remote, local);
        Buffer.MemoryCopy((void*)from, (void*)to, length, length);
        op.Event.Bytes += length;
        op.Event.Operations++;
    }

    /// <summary>Under the lock. Removes the operation if it is quiesced too.</summary>
    private void Settle(int index, NixlStatus status, bool quiesced)
    {
        var op = _pending[index];
        if (op.Settled)
        {
            if (quiesced)
                Quiesce(index);
            return;
        }

        op.Settled = true;
        op.Event.Status = (int)status;
        op.Event.SettledNs = NowNs();
        Count(op, status);
        op.Event.Flags = (uint)(quiesced ? NativeEventFlags.Outcome | NativeEventFlags.Quiesced : NativeEventFlags.Outcome);
        AddEvent(op.Event);
        if (quiesced)
        {
            Remove(index);
            return;
        }

        var grace = Durations.ToNanoseconds(_options.QuiesceGrace);
        op.QuiesceNs = op.Event.SettledNs + (grace != 0 ? grace : 1_000_000_000);
        Signal();
    }

    private void Quiesce(int index)
    {
        var op = _pending[index];
        op.Event.Flags = (uint)NativeEventFlags.Quiesced;
        AddEvent(op.Event);
        Remove(index);
    }

    private void Remove(int index)
    {
        var op = _pending[index];
        _pending.RemoveAt(index);
        foreach (var list in (ReadOnlySpan<FakeList?>)[op.Local, op.Remote])
        {
            if (list is null)
                continue;
            list.Uses--;
            LetGo(list);
        }

        op.Local = op.Remote = null;
        op.Peer = null!;
        op.Notify = false;
        _free.Push(op);
    }

    private void Count(FakeOperation op, NixlStatus status)
    {
        if (op.Kind != NativeEventKind.Transfer)
            return;
        _counters.Transfers++;
        _counters.Operations += op.Event.Operations;
        if (status < 0)
            _counters.Failures++;
        else if (op.Op == TransferOperation.Write)
            _counters.WrittenBytes += op.Event.Bytes;
        else
            _counters.ReadBytes += op.Event.Bytes;
    }
}
