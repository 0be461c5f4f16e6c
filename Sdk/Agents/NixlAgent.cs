using System.Security.Cryptography;
using Nixl.Sdk.Interop;

namespace Nixl.Sdk;

/// <summary>
/// A named agent: registers memory, exchanges metadata with peers, moves blocks between its memory and theirs, and notifies them. One per
/// engine or rank.
/// </summary>
/// <remarks>
/// <para>Thread-safe: every member may be called from any thread at any time; after disposal calls throw
/// <see cref="ObjectDisposedException"/>.</para>
/// <para>Must be disposed: an agent owns threads, sockets and registrations. <see cref="DisposeAsync"/> asks everything in flight to cancel,
/// waits up to <see cref="NixlAgentOptions.QuiesceGrace"/> for it to quiesce, and then forces it; after it returns nobody can reach any
/// memory through this agent.</para>
/// </remarks>
[MustDispose("threads, sockets and every registration")]
public sealed partial class NixlAgent : IAsyncDisposable, IDisposable
{
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly NotifyOperationPool _notifyOperations;

    private NixlAgent(AgentRuntime runtime)
    {
        Runtime = runtime;
        _notifyOperations = new NotifyOperationPool(runtime);
        runtime.Changes.Handler = change => PeerStateChanged?.Invoke(this, change);
    }

    /// <summary>A peer became suspect, came back, disconnected or was invalidated. Raised on the thread pool, in order.</summary>
    public event EventHandler<PeerStateChangedEventArgs>? PeerStateChanged;

    /// <summary>The name.</summary>
    public string Name => Runtime.Name;

    /// <summary>Random number drawn at the start; tells a restarted agent from the one before.</summary>
    public ulong Incarnation => Runtime.Incarnation;

    /// <summary>Whether disposal has begun.</summary>
    public bool IsDisposed => Runtime.Gate.IsClosing;

    /// <summary>Whether disposal has ended: nobody can reach any memory through this agent any more.</summary>
    internal bool IsClosed => _disposed.Task.IsCompleted;

    /// <summary>Transports that could be opened. The reasons for those that could not are in <see cref="Describe"/>.</summary>
    public NixlTransports AvailableTransports { get; private set; }

    internal AgentRuntime Runtime { get; }

    /// <summary>Starts an agent. Needs no dependency injection.</summary>
    /// <param name="options">Copied.</param>
    /// <param name="cancellationToken">Checked before the start.</param>
    /// <exception cref="NixlInvalidArgumentException">The options are wrong; the message lists everything.</exception>
    /// <exception cref="PlatformNotSupportedException">Not linux-x64, and no <see cref="NixlAgentOptions.Transport"/>.</exception>
    /// <exception cref="NativeLibraryException">libnixlsdk.so is missing or of another version.</exception>
    /// <exception cref="NixlException">A transport that was asked for cannot be opened.</exception>
    public static async ValueTask<NixlAgent> CreateAsync(NixlAgentOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.ThrowIfInvalid();
        cancellationToken.ThrowIfCancellationRequested();
        var copy = options.Clone();
        var incarnation = NewIncarnation();
        // Opening devices and providers can take long; not on the caller's thread.
        var core = copy.Transport is { } fake
            ? fake.CreateCore(copy, incarnation)
            : await Task.Run(() => (AgentCore)NativeAgentCore.Create(copy, incarnation), cancellationToken).ConfigureAwait(false);
        var runtime = new AgentRuntime(copy, core, incarnation);
        var agent = new NixlAgent(runtime);
        agent.AvailableTransports = agent.ReadAvailableTransports();
        runtime.Pump.Start();
        runtime.Log.Started(incarnation, agent.AvailableTransports);
        runtime.Log.Fabric(agent);
        return agent;
    }

    /// <summary>What this agent can use and why, and what is in this machine; its <c>ToString</c> is a text for people.</summary>
    public AgentInfo GetInfo() => AgentInfo.Parse(Describe());

    /// <summary>JSON text: each transport with library, version, provider and limits, or why it is not available; and the machine's devices.</summary>
    public string Describe()
    {
        Runtime.Gate.Enter();
        try
        {
            return Runtime.Core.Describe();
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>What one transport has counted by itself; all zero if it is not open.</summary>
    /// <param name="transport">Exactly one.</param>
    public TransportCounters GetCounters(NixlTransports transport)
    {
        Runtime.Gate.Enter();
        try
        {
            Span<NativeTransportCounters> counters = stackalloc NativeTransportCounters[8];
            foreach (ref readonly var c in counters[..Runtime.Core.ReadCounters(counters)])
            {
                if (c.Transport == (uint)transport)
                {
                    return new TransportCounters(
                        transport, (long)c.WrittenBytes, (long)c.ReadBytes, (long)c.Operations, (long)c.Transfers, (long)c.Failures,
                        (long)c.NotificationsSent, (long)c.NotificationsReceived, (long)c.NotificationsDroppedLate);
                }
            }

            return new TransportCounters(transport, 0, 0, 0, 0, 0, 0, 0, 0);
        }
        finally
        {
            Runtime.Gate.Exit();
        }
    }

    /// <summary>Name and incarnation.</summary>
    public override string ToString() => $"{Name}#{Incarnation:x16}";

    /// <summary>Cancels, quiesces (by force after the grace time) and frees everything. Any number of callers wait for the one
    /// disposal.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!Runtime.Gate.Close())
        {
            await _disposed.Task.ConfigureAwait(false);
            return;
        }

        // New calls are refused from here on. What runs keeps its pump until it has quiesced or the grace time is over.
        Runtime.Gate.WaitDrained();
        foreach (var slot in Runtime.Operations.Snapshot())
            slot.CancelForClose();
        var grace = Runtime.Options.QuiesceGrace == TimeSpan.Zero ? TimeSpan.FromSeconds(1) : Runtime.Options.QuiesceGrace;
        await Runtime.WhenIdle().WaitAsync(grace, Runtime.Options.TimeProvider)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Run(() => Close(grace)).ConfigureAwait(false);
    }

    /// <summary><see cref="DisposeAsync"/>, blocking. Prefer the asynchronous form.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Waits, blocking, for the disposal that somebody has begun. False if it has not ended by then.</summary>
    internal bool WaitClosed(TimeSpan timeout)
    {
        // Disposal takes the grace time at most twice (waiting, then forcing), and a little.
        var longest = timeout == TimeSpan.Zero ? (2 * Runtime.Options.QuiesceGrace) + TimeSpan.FromSeconds(5) : timeout;
        return _disposed.Task.Wait(longest < Durations.LongestTaskWait ? longest : Durations.LongestTaskWait);
    }

    private void Close(TimeSpan grace)
    {
        try
        {
            var forced = Runtime.InFlight;
            Runtime.Pump.Stop();
            var status = Runtime.Core.Destroy(Durations.ToNanoseconds(grace));
            // The core is gone: nothing can touch a buffer any more, so what is left reaches both its ends now.
            Runtime.CloseOperations();
            Runtime.Arrivals.Close();
            Runtime.Handle.Dispose();
            if (status < 0 || forced > 0)
                Runtime.Log.StoppedByForce(status, forced);
            else
                Runtime.Log.Stopped();
        }
        finally
        {
            _disposed.SetResult(); // Even if a logger throws: others wait for this.
        }
    }

    private NixlTransports ReadAvailableTransports()
    {
        Span<NativeTransportCounters> counters = stackalloc NativeTransportCounters[8];
        var available = NixlTransports.None;
        foreach (ref readonly var c in counters[..Runtime.Core.ReadCounters(counters)])
            available |= (NixlTransports)c.Transport;
        return available;
    }

    private static ulong NewIncarnation()
    {
        Span<byte> bytes = stackalloc byte[8];
        ulong value;
        do
        {
            RandomNumberGenerator.Fill(bytes);
            value = BitConverter.ToUInt64(bytes);
        }
        while (value == 0);
        return value;
    }
}
