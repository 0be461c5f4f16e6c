using System.Globalization;
using System.Runtime.InteropServices;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

/// <summary>
/// The managed core behind <see cref="FakeTransport"/>: the ABI's rules over dictionaries and one lock. Operations run on the agent's pump
/// thread, inside <see cref="Wait"/>; time is the agent's <see cref="TimeProvider"/>.
/// </summary>
#pragma warning disable CA1001 // Destroy is this type's end; it disposes the timer and the signal.
internal sealed partial class FakeAgentCore : AgentCore
#pragma warning restore CA1001
{
    [ThreadStatic]
    private static NixlErrorDetails _lastError;

    private readonly FakeTransport _network;
    private readonly NixlAgentOptions _options;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly AutoResetEvent _signal = new(false);
    private readonly long _epoch;
    private bool _destroyed;
    private NativeTransportCounters _counters = new() { Transport = (uint)NixlTransports.Loopback };

    public FakeAgentCore(FakeTransport network, NixlAgentOptions options, ulong incarnation)
    {
        _network = network;
        _options = options;
        _time = options.TimeProvider;
        _epoch = _time.GetTimestamp();
        Incarnation = incarnation;
        _timer = _time.CreateTimer(
            static core => ((FakeAgentCore)core!).Signal(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public string Name => _options.Name;

    public ulong Incarnation { get; }

    public override NixlErrorDetails LastError() => _lastError;

    /// <summary>Makes the pump look again. Any thread, with or without the lock.</summary>
    public void Signal()
    {
        try
        {
            _signal.Set();
        }
        catch (ObjectDisposedException)
        {
            // A timer's last call, after the agent's end.
        }
    }

    public override NixlStatus Destroy(ulong timeoutNs)
    {
        lock (_network.Sync)
        {
            if (_destroyed)
                return NixlStatus.Success;
            _destroyed = true;
            _network.Remove(this);
            foreach (var arena in _arenas.Values)
                FreeArena(arena);
            _arenas.Clear();
            _regions.Clear();
        }

        _timer.Dispose();
        _signal.Dispose();
        return NixlStatus.Success;
    }

    public override string Describe() =>
        $$"""{"library":"FakeTransport","agent":"{{Name}}","transports":[{"transport":"fake","available":true,"library":"Nixl.Sdk","provider":"fake"}]}""";

    public override int ReadCounters(Span<NativeTransportCounters> counters)
    {
        lock (_network.Sync)
            counters[0] = _counters;
        return 1;
    }

    public override NixlStatus Export(out byte[] blob)
    {
        lock (_network.Sync)
        {
            var regions = new List<MemoryDescriptor>(_regions.Count);
            foreach (var region in _regions.Values)
                regions.Add(region.Memory);
            blob = new FakeBlob(_network.Id, Name, Incarnation, [.. regions]).Encode();
        }

        return NixlStatus.Success;
    }

    private ulong NowNs() => ((ulong)_time.GetElapsedTime(_epoch).Ticks * 100) + 1;

    private ulong NextId() => _network.NextId();

    private static NixlStatus Fail(
        NixlStatus status, FormattableString text, string? peer = null, long? entry = null, ulong? address = null, ulong? length = null)
    {
        _lastError = new NixlErrorDetails(status, text.ToString(CultureInfo.InvariantCulture), peer, entry, address, length);
        return status;
    }

    private static unsafe void FreeArena(in NativeArenaInfo arena) => NativeMemory.AlignedFree((void*)arena.Address);
}
