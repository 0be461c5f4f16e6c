using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

internal sealed partial class BlockModel
{
    private void Reserve()
    {
        var (count, prefix) = PickRequest();
        var real = _pool.TryReserve(count, prefix);
        Log($"reserve {count} with {prefix.Length} hashes: {real is not null}");
        Assert.Equal(_waiting.Count == 0 && _reference.CanTake(count, prefix), real is not null);
        if (real is null) return;
        var lease = _reference.Take(real, count, prefix);
        if (lease.Content != BlockState.Reserved || _choose(4) == 3) return;
        lease.Expected = count - _choose(Math.Min(2, count - lease.Cached));
        lease.Policy = (ArrivalPolicy)_choose(2);
        real.Expect(Plan, lease.Expected.Value, lease.Policy);
    }

    private void Wait()
    {
        var (count, prefix) = PickRequest();
        Log($"wait for {count} with {prefix.Length} hashes");
        var cancel = new CancellationTokenSource();
        _waiting.Add((count, prefix, _pool.ReserveAsync(count, TimeSpan.FromDays(40), cancel.Token, prefix).AsTask(), cancel));
    }

    private void CancelWaiting()
    {
        if (_waiting.Count == 0) return;
        var at = _choose(_waiting.Count);
        Log($"cancel waiting {at}");
        _waiting[at].Cancel.Cancel();
        Assert.True(_waiting[at].Task.IsCanceled);
        _waiting[at].Cancel.Dispose();
        _waiting.RemoveAt(at);
        Serve();
    }

    private void GrantWrite()
    {
        if (PickAsked() is not { } lease) return;
        var (peer, part) = (_peers[_choose(_peers.Length)], _choose(Parts));
        var allowed = !lease.IsUnwanted && !_exited.Contains(peer) && lease.Expected is not null && lease.Content != BlockState.Ready && !lease.Readers.Any()
            && !lease.HasPart(part) && lease.Writers.All(writer => writer.Part != part);
        Log($"grant write of part {part} to {peer}: {allowed}");
        LeaseGrant? real = null;
        if (!Try(allowed, () => real = lease.Real.GrantWrite(peer, part))) return;
        Open(new ReferenceGrant { Lease = lease, Real = real, Peer = peer, Access = BlockAccess.Write, Part = part, Number = ++_number, Deadline = _now + Lifetime });
    }

    private void GrantRead()
    {
        if (PickAsked() is not { } lease) return;
        var peer = _peers[_choose(_peers.Length)];
        var allowed = !lease.IsUnwanted && !_exited.Contains(peer) && lease.Content != BlockState.Quiesced;
        Log($"grant read to {peer}: {allowed}");
        LeaseGrant? real = null;
        if (!Try(allowed, () => real = lease.Real.GrantRead(peer))) return;
        Open(new ReferenceGrant { Lease = lease, Real = real, Peer = peer, Access = BlockAccess.Read, Number = ++_number, Deadline = _now + Lifetime });
    }

    /// <summary>An operation of our own begins, brings something, or ends.</summary>
    private void Own()
    {
        if (PickGrant(grant => grant.Operation is not null && grant.IsOpen) is { } open && _choose(2) == 0)
        {
            Log("own operation quiesced");
            open.Operation!.Quiesced();
            Close(open);
            return;
        }
        if (PickAsked() is not { } lease) return;
        var (read, part) = (_choose(2) == 0, _choose(Parts));
        var allowed = !lease.IsUnwanted && (read
            ? lease.Content != BlockState.Quiesced
            : lease.Expected is not null && lease.Content != BlockState.Ready && !lease.Readers.Any() && !lease.HasPart(part) && lease.Writers.All(writer => writer.Part != part));
        Log($"own {(read ? "push" : $"pull of part {part}")}: {allowed}");
        LeaseOperation? real = null;
        if (!Try(allowed, () => real = read ? lease.Real.BeginPush() : lease.Real.BeginPull(part))) return;
        var grant = new ReferenceGrant
        {
            Lease = lease, Operation = real, Peer = _pool.Owner, Access = read ? BlockAccess.Read : BlockAccess.Write, Part = read ? -1 : part, Number = ++_number,
        };
        Open(grant);
        if (read || _choose(2) == 0) return;
        var run = PickRun(lease);
        var fits = Fits(lease, run);
        Assert.Equal(Refused(fits ? LeaseAnswer.Accepted : LeaseAnswer.Malformed), real!.Arrived(new TransferResult(Bytes(run), 1, default, default, default, default), run));
        if (fits) Came(grant, run);
    }

    private void Arrive()
    {
        if (PickGrant(grant => grant.Real is not null) is not { } grant) return;
        var (run, foreign) = (PickRun(grant.Lease), _choose(8) == 7);
        var sender = foreign ? grant.Peer with { Incarnation = 99 } : grant.Peer;
        Log($"arrival of part {grant.Part}: {run}, from {sender}");
        var answer = _pool.Arrived(ServingPlans.Notice(grant.Real!, [run], sender), [run], out var lease);
        if (!grant.IsOpen)
        {
            Assert.Equal(Refused(LeaseAnswer.Unknown), answer);
        }
        else if (foreign || grant.Access == BlockAccess.Read)
        {
            Assert.Equal(Refused(LeaseAnswer.NotGranted), answer);
        }
        else if (!Fits(grant.Lease, run))
        {
            Assert.Equal(Refused(LeaseAnswer.Malformed), answer);
        }
        else
        {
            ExpireDue(grant.Lease);
            Assert.Equal(Refused(AnswerOf(grant)), answer);
            Came(grant, run);
            if (grant.Lease.HasPart(grant.Part)) Close(grant);
        }
        Assert.Equal(answer == LeaseAnswer.Accepted ? grant.Lease.Real : null, lease);
    }

    private void Confirm()
    {
        if (PickGrant(grant => grant.Real is not null) is not { } grant) return;
        var kind = _choose(8);
        Log($"confirm by {grant.Peer}, kind {kind}");
        var token = kind == 7 ? grant.Real!.Token with { Incarnation = 5 } : grant.Real!.Token;
        var answer = _pool.Confirm(token, kind == 6 ? grant.Peer with { Name = "else" } : grant.Peer);
        Assert.Equal(Refused(kind == 7 ? LeaseAnswer.Stale : !grant.IsOpen ? LeaseAnswer.Unknown : kind == 6 ? LeaseAnswer.NotGranted : LeaseAnswer.Accepted), answer);
        if (answer == LeaseAnswer.Accepted) Close(grant);
    }

    private void Heartbeat()
    {
        if (PickGrant(grant => grant.Real is not null) is not { } grant) return;
        Log($"heartbeat of {grant.Peer}");
        var answer = _pool.Heartbeat(grant.Real!.Token, grant.Peer);
        if (grant.IsOpen) ExpireDue(grant.Lease);
        Assert.Equal(Refused(grant.IsOpen ? AnswerOf(grant) : LeaseAnswer.Unknown), answer);
        if (answer == LeaseAnswer.Accepted && grant.Deadline < _now + Extension) grant.Deadline = _now + Extension;
    }

    private void Advance()
    {
        var by = TimeSpan.FromSeconds(1 + _choose(3) * 12);
        Log($"{by.TotalSeconds} s pass");
        _now += by;
        _time.Advance(by);
    }

    private void Expire()
    {
        Log("sweep");
        var due = _grants.Where(grant => grant.IsOpen && !grant.IsExpired && _now >= grant.Deadline).ToList();
        var expired = new List<BlockLease>();
        Assert.Equal(due.Count, _pool.ExpireGrants(expired));
        foreach (var grant in due) ExpireIfDue(grant);
        Assert.Equal(_expired, expired.ToHashSet());
        _expired.Clear();
    }

    private void Exit()
    {
        var which = _choose(_peers.Length);
        var peer = _peers[which];
        Log($"{peer} exits");
        _exited.Add(peer);
        if (_choose(2) == 0) _peers[which] = peer with { Incarnation = peer.Incarnation + 10 }; // and starts again
        var gone = _grants.Where(grant => grant.IsOpen && grant.Operation is null && grant.Peer == peer).ToList();
        Assert.Equal(gone.Count, _pool.PeerExited(peer));
        foreach (var grant in gone) Close(grant);
    }

    /// <summary>A fence begins, its memory is closed, or it is completed, in time or not.</summary>
    private void Fence()
    {
        if (_fences.Count == 0 || _choose(3) == 0)
        {
            Log("fence begins");
            var closed = new bool[1];
            _fences.Add((_pool.BeginFence(() => closed[0], "the model's memory"), _number, closed));
            return;
        }
        var fence = _fences[_choose(_fences.Count)];
        if (_choose(2) == 0)
        {
            Log("fence's memory is closed");
            fence.Closed[0] = true;
            return;
        }
        Log($"fence completes: {fence.Closed[0]}");
        var behind = _grants.Where(grant => grant.IsOpen && grant.Operation is null && grant.Number <= fence.Number).ToList();
        if (!Try(fence.Closed[0], () => Assert.Equal(behind.Count, fence.Fence.Complete()))) return;
        foreach (var grant in behind) Close(grant);
    }

    private void MarkReady()
    {
        if (PickAsked() is not { } lease) return;
        var mayAsk = !lease.IsUnwanted && lease.Expected is not null && !lease.Writers.Any();
        Arrival? arrival = null;
        if (!Try(mayAsk, () => arrival = lease.Real.GetArrival())) return;
        var missing = lease.Missing().ToList();
        Log($"mark ready, {missing.Count} blocks incomplete");
        Assert.Equal(missing.Count == 0, arrival!.IsComplete);
        Assert.Equal(missing, arrival.BlocksToRecompute);
        if (Try(missing.Count == 0, () => lease.Real.MarkReady(arrival)))
        {
            lease.Content = BlockState.Ready;
            return;
        }
        var left = _choose(missing.Count + 1); // how many are not recomputed
        var recomputed = missing.Skip(left).ToArray();
        if (Try(lease.Policy == ArrivalPolicy.Recompute && left == 0, () => lease.Real.MarkRecomputed(arrival, recomputed))) lease.Content = BlockState.Ready;
    }

    private void MarkComputed()
    {
        if (PickAsked() is not { } lease) return;
        var allowed = !lease.IsUnwanted && lease.Content != BlockState.Quiesced;
        Log($"mark computed: {allowed}");
        if (Try(allowed, lease.Real.MarkComputed)) lease.Content = BlockState.Ready;
    }

    private void Publish()
    {
        if (PickAsked() is not { } lease) return;
        var hashes = Prompts[_choose(Prompts.Length)].Take(lease.Blocks.Count).ToArray();
        var allowed = !lease.IsUnwanted && lease.Content == BlockState.Ready;
        Log($"publish {hashes.Length}: {allowed}");
        if (!Try(allowed, () => lease.Real.Publish(hashes))) return;
        for (var i = 0; i < hashes.Length; i++)
            if (!_reference.Known.ContainsValue(lease.Blocks[i])) _reference.Known.TryAdd(hashes[i], lease.Blocks[i]);
    }

    private void Extend()
    {
        if (PickAsked() is not { } lease) return;
        var before = lease.Blocks.Count;
        Log($"extend: {!lease.IsUnwanted}");
        var extended = false;
        if (!Try(!lease.IsUnwanted, () => extended = lease.Real.TryExtend(1))) return;
        Assert.Equal(_reference.CanTake(1, []), extended);
        if (!extended) return;
        int[] added = lease.Real.Blocks[before..].ToArray();
        _reference.TakeFresh(added);
        lease.Blocks.AddRange(added);
    }

    private void Dispose(ReferenceLease? lease)
    {
        if (lease is null) return;
        Log("dispose a lease");
        lease.Real.Dispose();
        _expired.Remove(lease.Real);
        if (!lease.IsUnwanted) lease.UnwantedSince = _now;
        _reference.Release(lease, () => lease.IsDisposed = true);
    }

    private void Open(ReferenceGrant grant)
    {
        if (grant.Access == BlockAccess.Write)
        {
            grant.Lease.Came.RemoveWhere(came => came.Part == grant.Part);
            grant.Lease.Content = BlockState.Quiesced;
        }
        grant.Lease.Open.Add(grant);
        _grants.Add(grant);
    }

    private static LeaseAnswer AnswerOf(ReferenceGrant grant) =>
        grant.Lease.IsDisposed ? LeaseAnswer.GivenUp : grant.IsExpired || grant.Lease.IsExpired ? LeaseAnswer.Expired : LeaseAnswer.Accepted;

    private (int Count, BlockHash[] Prefix) PickRequest()
    {
        var count = 1 + _choose(Math.Min(3, _reference.Blocks));
        return (count, Prompts[_choose(Prompts.Length)].Take(_choose(count + 1)).ToArray());
    }

    private ArrivalRun PickRun(ReferenceLease lease)
    {
        var blocks = lease.Expected ?? 1;
        if (_choose(2) == 0) return new ArrivalRun(0, Layers, lease.Cached, Math.Max(1, blocks - lease.Cached), 0, Plan.Parts[0].BytesPerLayer);
        var half = Plan.Parts[0].BytesPerLayer / 2;
        var which = _choose(3);
        return new ArrivalRun(_choose(Layers), 1, _choose(blocks), 1, which == 1 ? half : 0, which == 2 ? half * 2 : half);
    }

    private static bool Fits(ReferenceLease lease, ArrivalRun run) => run.Block >= lease.Cached && run.Block + run.Blocks <= lease.Expected;

    private static long Bytes(ArrivalRun run) => run.Length * run.Layers * run.Blocks;

    private static void Came(ReferenceGrant grant, ArrivalRun run)
    {
        var half = Plan.Parts[0].BytesPerLayer / 2;
        for (var layer = run.Layer; layer < run.Layer + run.Layers; layer++)
            for (var block = run.Block; block < run.Block + run.Blocks; block++)
                for (var at = run.Offset; at < run.Offset + run.Length; at += half) grant.Lease.Came.Add((grant.Part, layer, block, (int)(at / half)));
    }
}
