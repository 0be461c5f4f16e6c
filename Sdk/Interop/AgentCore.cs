namespace Nixl.Sdk.Interop;

/// <summary>
/// The seam between <see cref="NixlAgent"/> and what does the work: the native library (<see cref="NativeAgentCore"/>) or the managed
/// fake behind <see cref="Testing.FakeTransport"/>. Mirrors the C ABI function by function: statuses instead of exceptions, ids
/// instead of objects, events drained in batches.
/// </summary>
/// <remarks>
/// Every method may be called from any thread, but none once <see cref="Destroy"/> has been called: the agent's gate sees to that.
/// After a negative status <see cref="LastError"/> has the details, on the same thread, until the next call.
/// Time-outs are nanoseconds from now; 0 means the agent's default for operations.
/// </remarks>
internal abstract class AgentCore
{
    /// <summary>Details of the calling thread's last failure.</summary>
    public abstract NixlErrorDetails LastError();

    /// <summary>Fails and quiesces everything, by force at the time-out, and frees it. No call may follow.</summary>
    public abstract NixlStatus Destroy(ulong timeoutNs);

    /// <summary>JSON: transports with library, version, provider, limits, or why one is not available.</summary>
    public abstract string Describe();

    /// <summary>One entry per transport; returns how many were filled.</summary>
    public abstract int ReadCounters(Span<NativeTransportCounters> counters);

    /// <summary>The core's part of the agent's metadata.</summary>
    public abstract NixlStatus Export(out byte[] blob);

    /// <summary>
    /// Blocks until events wait, a notification has arrived since the last call, <see cref="Wake"/> is called or the time-out passes.
    /// Called by the pump thread only.
    /// </summary>
    /// <param name="timeoutNs">Longest wait.</param>
    /// <param name="arrivals">Whether notifications may have arrived since the last call.</param>
    public abstract NixlStatus Wait(ulong timeoutNs, out bool arrivals);

    /// <summary>Makes a running or the next <see cref="Wait"/> return.</summary>
    public abstract void Wake();

    /// <summary>Takes events; never blocks. Called by the pump thread only.</summary>
    public abstract int ReadEvents(Span<NativeEvent> events);

    /// <summary>Takes one notification; NotFound if there is none; BufferTooSmall leaves it there.</summary>
    public abstract NixlStatus ReadNotification(ref NativeNotification header, Span<byte> payload);

    /// <summary>Sends a free-standing notification. The payload is copied.</summary>
    public abstract NixlStatus SendNotification(
        ulong peer, ReadOnlySpan<byte> payload, ulong timeoutNs, ulong userData, in NativeRequestHeader request, out ulong operation);

    /// <summary>Allocates zero-filled, page-aligned memory that same-host peers can map.</summary>
    public abstract NixlStatus CreateArena(ulong length, HugePages hugePages, out NativeArenaInfo arena);

    /// <summary>Unmaps it; Busy while a region of it is registered.</summary>
    public abstract NixlStatus DestroyArena(ulong arena);

    /// <summary>Makes memory reachable for peers.</summary>
    public abstract NixlStatus Register(in MemoryDescriptor memory, out ulong region);

    /// <summary>Busy while a prepared list or an operation holds it; waits for peers that copy at this moment.</summary>
    public abstract NixlStatus Deregister(ulong region, ulong timeoutNs);

    /// <summary>By id, or (region 0) the registration that covers the address range given in <paramref name="info"/>.</summary>
    public abstract NixlStatus QueryMemory(ulong region, ref NativeRegionInfo info);

    /// <summary>Starts connecting; the outcome is an event.</summary>
    public abstract NixlStatus ConnectPeer(
        ReadOnlySpan<byte> metadata, NixlTransports transports, ulong timeoutNs, ulong userData, out ulong peer);

    /// <summary>Ends its operations with StalePeer; its lists can no longer be posted.</summary>
    public abstract NixlStatus InvalidatePeer(ulong peer);

    /// <summary>What is known about a peer.</summary>
    public abstract NixlStatus PeerInfo(ulong peer, ref NativePeerInfo info);

    /// <summary>The rails of a peer's connection; returns how many were filled, 0 if there are none or more than fit.</summary>
    public abstract int ReadRails(ulong peer, Span<NativeRailInfo> rails);

    /// <summary>Checks and stores strided regions; O(regions).</summary>
    public abstract NixlStatus PrepareList(ulong peer, ListMode mode, ReadOnlySpan<StridedRegion> regions, out ulong list);

    /// <summary>Releases a list at any time; operations in flight hold what they need.</summary>
    public abstract NixlStatus ReleaseList(ulong list);

    /// <summary>Counts and sizes of a list.</summary>
    public abstract NixlStatus ListInfo(ulong list, ref NativeListInfo info);

    /// <summary>
    /// Posts. The pointers inside <paramref name="parameters"/> are only read during the call. On success one outcome and one
    /// quiesced event follow.
    /// </summary>
    public abstract NixlStatus Post(ref NativePostParams parameters, out ulong transfer);

    /// <summary>
    /// Completes the transfer inside the call, without waiting, or answers NotPosted and has done nothing. No event follows; a success
    /// fills <paramref name="done"/> in.
    /// </summary>
    public virtual NixlStatus PostNow(ref NativePostParams parameters, out NativeEvent done)
    {
        done = default;
        return NixlStatus.NotPosted;
    }

    /// <summary>The same for a free-standing notification.</summary>
    public virtual NixlStatus SendNow(ulong peer, ReadOnlySpan<byte> payload, in NativeRequestHeader request) => NixlStatus.NotPosted;

    /// <summary>True: a notification is there; looks for it for a short time. False: the next one ends <see cref="Wait"/>.</summary>
    public virtual bool WatchNotifications() => false;

    /// <summary>Asks for cancellation of a transfer, notification or connect.</summary>
    public abstract NixlStatus Cancel(ulong operation);

    /// <summary>Builds the exception for a status that one of the methods above has just returned on this thread.</summary>
    public Exception Failure(NixlStatus status, string what)
    {
        var details = LastError();
        return NixlErrors.Create(details with { Status = status }, what);
    }
}
