using System.Runtime.InteropServices.Marshalling;
using System.Text;

namespace Nixl.Sdk.Interop;

/// <summary>The native library behind the seam. Owns nothing managed; the pointer is freed by <see cref="Destroy"/>, once.</summary>
internal sealed unsafe class NativeAgentCore : AgentCore
{
    private nint _agent;

    private NativeAgentCore(nint agent) => _agent = agent;

    /// <summary>Loads the library if need be and starts an agent.</summary>
    public static NativeAgentCore Create(NixlAgentOptions options, ulong incarnation)
    {
        NativeLoader.EnsureLoaded();
        var name = Utf8StringMarshaller.ConvertToUnmanaged(options.Name);
        var listen = Utf8StringMarshaller.ConvertToUnmanaged(options.ListenHost);
        var advertise = Utf8StringMarshaller.ConvertToUnmanaged(options.AdvertiseHost);
        var library = Utf8StringMarshaller.ConvertToUnmanaged(options.FabricLibrary);
        var provider = Utf8StringMarshaller.ConvertToUnmanaged(options.FabricProvider);
        var rails = Utf8StringMarshaller.ConvertToUnmanaged(options.FabricRails);
        try
        {
            // The strings live until the call has returned; the core copies them.
            var parameters = new NativeAgentParams
            {
                StructSize = (uint)sizeof(NativeAgentParams),
                Transports = (uint)options.Transports,
                Name = name,
                Incarnation = incarnation,
                ListenHost = listen,
                AdvertiseHost = advertise,
                ListenPort = (uint)options.ListenPort,
                MaxTransfers = (uint)options.MaxTransfers,
                MaxNotifications = (uint)options.MaxNotifications,
                WindowOperations = (uint)options.WindowOperations,
                WindowBytes = (ulong)options.WindowBytes,
                ChunkBytes = (ulong)options.ChunkBytes,
                SpinNs = Durations.ToNanoseconds(options.Spin),
                DefaultTimeoutNs = Durations.ToNanoseconds(options.DefaultTimeout),
                SuspectAfterNs = Durations.ToNanoseconds(options.SuspectAfter),
                QuiesceGraceNs = Durations.ToNanoseconds(options.QuiesceGrace),
                FabricLibrary = library,
                FabricProvider = provider,
                FabricRails = rails,
                PackingPieceBytes = (ulong)options.PackingPieceBytes,
                StagingBytes = (ulong)options.StagingBytes,
                Packing = (uint)options.Packing,
                CopierThreads = (uint)options.CopierThreads,
            };
            nint agent;
            var status = (NixlStatus)NativeMethods.AgentCreate(&parameters, &agent);
            if (status < 0)
                throw NixlErrors.Create(ReadLastError() with { Status = status }, $"creating agent '{options.Name}'");
            return new NativeAgentCore(agent);
        }
        finally
        {
            Utf8StringMarshaller.Free(name);
            Utf8StringMarshaller.Free(listen);
            Utf8StringMarshaller.Free(advertise);
            Utf8StringMarshaller.Free(library);
            Utf8StringMarshaller.Free(provider);
            Utf8StringMarshaller.Free(rails);
        }
    }

    public override NixlErrorDetails LastError() => ReadLastError();

    public override NixlStatus Destroy(ulong timeoutNs)
    {
        var agent = Interlocked.Exchange(ref _agent, 0);
        return agent == 0 ? NixlStatus.Success : (NixlStatus)NativeMethods.AgentDestroy(agent, timeoutNs);
    }

    public override string Describe()
    {
        var status = ReadAll(&NativeMethods.AgentDescribe, out var text);
        if (status < 0)
            throw Failure(status, "describing the agent");
        return Encoding.UTF8.GetString(text);
    }

    public override int ReadCounters(Span<NativeTransportCounters> counters)
    {
        ulong count = 0;
        fixed (NativeTransportCounters* p = counters)
        {
            var status = (NixlStatus)NativeMethods.AgentCounters(_agent, p, (ulong)counters.Length, &count);
            if (status < 0)
                throw Failure(status, "reading the transports' counters");
        }

        return (int)Math.Min(count, (ulong)counters.Length);
    }

    public override NixlStatus Export(out byte[] blob) => ReadAll(&NativeMethods.AgentExport, out blob);

    public override NixlStatus Wait(ulong timeoutNs, out bool arrivals)
    {
        NativeWait what = 0;
        var status = (NixlStatus)NativeMethods.AgentWaitNew(_agent, timeoutNs, &what);
        arrivals = (what & NativeWait.Arrivals) != 0;
        return status;
    }

    public override void Wake() => _ = NativeMethods.AgentWake(_agent);

    public override int ReadEvents(Span<NativeEvent> events)
    {
        ulong count = 0;
        fixed (NativeEvent* p = events)
        {
            var status = (NixlStatus)NativeMethods.EventRead(_agent, p, (ulong)events.Length, &count);
            return status < 0 ? 0 : (int)count;
        }
    }

    public override NixlStatus ReadNotification(ref NativeNotification header, Span<byte> payload)
    {
        fixed (NativeNotification* h = &header)
        fixed (byte* p = payload)
            return (NixlStatus)NativeMethods.NotificationRead(_agent, h, p, (ulong)payload.Length);
    }

    public override NixlStatus SendNotification(
        ulong peer, ReadOnlySpan<byte> payload, ulong timeoutNs, ulong userData, in NativeRequestHeader request, out ulong operation)
    {
        operation = 0;
        fixed (byte* p = payload)
        fixed (ulong* id = &operation)
        {
            var parameters = new NativeNotificationParams
            {
                StructSize = (uint)sizeof(NativeNotificationParams),
                PayloadLength = (uint)payload.Length,
                Peer = peer,
                Payload = p,
                TimeoutNs = timeoutNs,
                UserData = userData,
                Request = request,
            };
            return (NixlStatus)NativeMethods.NotificationSend(_agent, &parameters, id);
        }
    }

    public override NixlStatus CreateArena(ulong length, HugePages hugePages, out NativeArenaInfo arena)
    {
        var parameters = new NativeArenaParams
        {
            StructSize = (uint)sizeof(NativeArenaParams), HugePages = (uint)hugePages, Length = length,
        };
        arena = default;
        fixed (NativeArenaInfo* info = &arena)
            return (NixlStatus)NativeMethods.ArenaCreate(_agent, &parameters, info);
    }

    public override NixlStatus DestroyArena(ulong arena) => (NixlStatus)NativeMethods.ArenaDestroy(_agent, arena);

    public override NixlStatus Register(in MemoryDescriptor memory, out ulong region)
    {
        var parameters = new NativeRegionParams
        {
            StructSize = (uint)sizeof(NativeRegionParams),
            Kind = (uint)memory.Kind,
            Device = memory.Device,
            Address = memory.Address,
            Length = memory.Length,
        };
        region = 0;
        fixed (ulong* id = &region)
            return (NixlStatus)NativeMethods.MemoryRegister(_agent, &parameters, id);
    }

    public override NixlStatus Deregister(ulong region, ulong timeoutNs) =>
        (NixlStatus)NativeMethods.MemoryDeregister(_agent, region, timeoutNs);

    public override NixlStatus QueryMemory(ulong region, ref NativeRegionInfo info)
    {
        fixed (NativeRegionInfo* p = &info)
            return (NixlStatus)NativeMethods.MemoryQuery(_agent, region, p);
    }

    public override NixlStatus ConnectPeer(
        ReadOnlySpan<byte> metadata, NixlTransports transports, ulong timeoutNs, ulong userData, out ulong peer)
    {
        peer = 0;
        fixed (byte* p = metadata)
        fixed (ulong* id = &peer)
        {
            var parameters = new NativePeerParams
            {
                StructSize = (uint)sizeof(NativePeerParams),
                Transports = (uint)transports,
                Metadata = p,
                MetadataLength = (ulong)metadata.Length,
                TimeoutNs = timeoutNs,
                UserData = userData,
            };
            return (NixlStatus)NativeMethods.PeerConnect(_agent, &parameters, id);
        }
    }

    public override NixlStatus InvalidatePeer(ulong peer) => (NixlStatus)NativeMethods.PeerInvalidate(_agent, peer);

    public override NixlStatus PeerInfo(ulong peer, ref NativePeerInfo info)
    {
        fixed (NativePeerInfo* p = &info)
            return (NixlStatus)NativeMethods.PeerInfo(_agent, peer, p);
    }

    public override int ReadRails(ulong peer, Span<NativeRailInfo> rails)
    {
        ulong count = 0;
        fixed (NativeRailInfo* p = rails)
            return NativeMethods.PeerRails(_agent, peer, p, (ulong)rails.Length, &count) < 0 ? 0 : (int)count;
    }

    public override NixlStatus PrepareList(ulong peer, ListMode mode, ReadOnlySpan<StridedRegion> regions, out ulong list)
    {
        list = 0;
        fixed (StridedRegion* p = regions)
        fixed (ulong* id = &list)
        {
            var parameters = new NativeListParams
            {
                StructSize = (uint)sizeof(NativeListParams),
                Mode = (uint)mode,
                Peer = peer,
                Regions = p,
                RegionCount = (ulong)regions.Length,
            };
            return (NixlStatus)NativeMethods.ListPrepare(_agent, &parameters, id);
        }
    }

    public override NixlStatus ReleaseList(ulong list) => (NixlStatus)NativeMethods.ListRelease(_agent, list);

    public override NixlStatus ListInfo(ulong list, ref NativeListInfo info)
    {
        fixed (NativeListInfo* p = &info)
            return (NixlStatus)NativeMethods.ListInfo(_agent, list, p);
    }

    public override NixlStatus Post(ref NativePostParams parameters, out ulong transfer)
    {
        transfer = 0;
        fixed (NativePostParams* p = &parameters)
        fixed (ulong* id = &transfer)
        {
            p->StructSize = (uint)sizeof(NativePostParams);
            return (NixlStatus)NativeMethods.TransferPost(_agent, p, id);
        }
    }

    public override NixlStatus PostNow(ref NativePostParams parameters, out NativeEvent done)
    {
        System.Runtime.CompilerServices.Unsafe.SkipInit(out done); // Filled in on success, and only then looked at.
        ulong none;
        fixed (NativePostParams* p = &parameters)
        fixed (NativeEvent* e = &done)
        {
            p->StructSize = (uint)sizeof(NativePostParams);
            p->Flags |= (uint)NativePostFlags.Now;
            p->Done = e;
            return (NixlStatus)NativeMethods.TransferPost(_agent, p, &none);
        }
    }

    public override NixlStatus SendNow(ulong peer, ReadOnlySpan<byte> payload, in NativeRequestHeader request)
    {
        ulong none;
        fixed (byte* p = payload)
        {
            var parameters = new NativeNotificationParams
            {
                StructSize = (uint)sizeof(NativeNotificationParams),
                PayloadLength = (uint)payload.Length,
                Peer = peer,
                Payload = p,
                Request = request,
                Flags = (uint)NativePostFlags.Now,
            };
            return (NixlStatus)NativeMethods.NotificationSend(_agent, &parameters, &none);
        }
    }

    public override bool WatchNotifications()
    {
        uint waiting = 0;
        return NativeMethods.NotificationWatch(_agent, &waiting) >= 0 && waiting != 0;
    }

    public override NixlStatus Cancel(ulong operation) => (NixlStatus)NativeMethods.TransferCancel(_agent, operation);

    /// <summary>Fault injection of the loopback transport; for tests.</summary>
    public NixlStatus SetLoopbackFaults(NativeLoopbackFaults faults)
    {
        faults.StructSize = (uint)sizeof(NativeLoopbackFaults);
        return (NixlStatus)NativeMethods.LoopbackSetFaults(_agent, &faults);
    }

    private static NixlErrorDetails ReadLastError()
    {
        NativeError error = default;
        error.StructSize = (uint)sizeof(NativeError);
        _ = NativeMethods.ErrorLast(&error);
        var peer = NativeText.Read(error.Peer, NativeConstants.NameMax + 8);
        return new NixlErrorDetails(
            (NixlStatus)error.Status,
            NativeText.Read(error.Text, NativeConstants.TextMax),
            peer.Length == 0 ? null : peer,
            error.EntryValid != 0 ? (long)error.Entry : null,
            error.EntryValid != 0 ? error.Address : null,
            error.EntryValid != 0 ? error.Length : null,
            error.SystemError);
    }

    /// <summary>Two-call pattern: ask for the size, allocate, read. Repeats when it grew in between.</summary>
    private NixlStatus ReadAll(delegate*<nint, byte*, ulong, ulong*, int> read, out byte[] bytes)
    {
        ulong length = 4096;
        while (true)
        {
            bytes = new byte[checked((int)length)];
            NixlStatus status;
            fixed (byte* p = bytes)
                status = (NixlStatus)read(_agent, p, (ulong)bytes.Length, &length);
            if (status == NixlStatus.BufferTooSmall)
            {
                length++; // The terminating zero of texts.
                continue;
            }

            if (status >= 0)
                Array.Resize(ref bytes, (int)length);
            else
                bytes = [];
            return status;
        }
    }
}
