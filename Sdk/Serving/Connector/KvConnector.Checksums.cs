namespace Nixl.Sdk.Serving;

// Accesses that were given with checksums: what is declared is compared with the memory before it counts as arrived. That takes as long as reading
// it, so it is not done by the dispatcher; what it learns of such an access meanwhile comes after that, in order.
public sealed partial class KvConnector
{
    private long _sumsEqual;
    private long _sumsDifferent;

    /// <summary>For tests: a source rank's bytes of a run have come and are compared next.</summary>
    internal Action<KvReceive, int, ArrivalRun>? BeforeCompare { get; set; }

    /// <exception cref="NotSupportedException">The option asks for what the pool's memory cannot give.</exception>
    internal void CheckMemory(KvPool pool)
    {
        if (Options.Checksums && BlockSums.Problem(pool.Name, pool.Groups) is { } problem)
            throw new NotSupportedException($"KvConnectorOptions.Checksums: {problem}. Leave the option off for this agent, or keep the pool in host memory.");
    }

    /// <summary>Counts what was compared, and says what is wrong.</summary>
    internal void Compared(int sums, int different, string? what)
    {
        Interlocked.Add(ref _sumsEqual, sums - different);
        Interlocked.Add(ref _sumsDifferent, different);
        if (what is not null) Agent.Runtime.Log.ChecksumsDiffer(what);
    }

    private void EndAfterChecks(KvLink link, KvEndMessage end) => link.AfterChecks(() =>
    {
        try
        {
            EndNow(link, end);
        }
#pragma warning disable CA1031 // As in the dispatcher: what goes wrong with one message must not stop others.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Agent.Runtime.Log.DispatchFailed(exception);
        }
    });

    // Reading the memory is dear, so nothing is read for a declaration that cannot be right.
    private void WroteWithSums(KvLink link, NotificationInfo info, KvWroteMessage wrote)
    {
        if (!info.WithTransfer || info.Operation != TransferOperation.Write || !link.TryBeginCompare(wrote.Sums.Length)) Interlocked.Increment(ref _malformed);
        else link.AfterChecks(() => CompareNow(link, info, wrote));
    }

    private void CompareNow(KvLink link, NotificationInfo info, KvWroteMessage wrote)
    {
        try
        {
            if (link.Owner.Compare(link, wrote, info.RequestBytes) is not { } different)
            {
                Interlocked.Increment(ref _malformed);
                return;
            }
            if (link.Grants[wrote.Group].Lease.Pool.Arrived(info, wrote.Runs, [.. different], out _) == LeaseAnswer.Malformed) Interlocked.Increment(ref _malformed);
            link.Owner.Wrote(link);
        }
        catch (Exception e) when (e is ObjectDisposedException or LeaseExpiredException)
        {
            // It was given up meanwhile; the peer's end lets its blocks go.
        }
#pragma warning disable CA1031 // Nothing of it counts as arrived; what comes after it is not kept from being done.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Agent.Runtime.Log.DispatchFailed(exception);
        }
        finally
        {
            link.EndCompare(wrote.Sums.Length);
        }
    }
}
