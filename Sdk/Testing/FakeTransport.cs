using Nixl.Sdk.Interop;

namespace Nixl.Sdk.Testing;

/// <summary>
/// An in-process network of agents for unit tests, without native code: set it as <see cref="NixlAgentOptions.Transport"/>. Moves real bytes
/// between the memory of its agents, with the checks and errors of the real thing, on every platform. Agents reach each other if they share one
/// instance; tests with an instance each do not see each other.
/// </summary>
/// <remarks>
/// <para>Thread-safe. Delays and deadlines follow each agent's <see cref="NixlAgentOptions.TimeProvider"/>, so a fake clock drives them.</para>
/// <para>It is a test aid: one lock for all its agents, copies on the pump thread.</para>
/// </remarks>
public sealed class FakeTransport
{
    private readonly Dictionary<string, FakeAgentCore> _agents = new(StringComparer.Ordinal);
    private ulong _lastId;
    private TimeSpan _delay;
    private bool _hang;
    private int _failures;
    private NixlStatus _failure;
    private ulong _lastConnection;

    /// <summary>Time that every transfer and notification takes. Zero: at once, but never synchronously.</summary>
    public TimeSpan Delay
    {
        get
        {
            lock (Sync)
                return _delay;
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            lock (Sync)
                _delay = value;
        }
    }

    /// <summary>
    /// While true, transfers and notifications make no progress. They end at their deadline or when cancelled, and quiesce only after
    /// <see cref="NixlAgentOptions.QuiesceGrace"/>, as on hardware that cannot cancel. False again: what still waits goes on.
    /// </summary>
    public bool Hang
    {
        get
        {
            lock (Sync)
                return _hang;
        }

        set
        {
            lock (Sync)
            {
                _hang = value;
                foreach (var agent in _agents.Values)
                    agent.Signal();
            }
        }
    }

    /// <summary>Names of the agents that are alive.</summary>
    public IReadOnlyList<string> Agents
    {
        get
        {
            lock (Sync)
                return [.. _agents.Keys];
        }
    }

    /// <summary>Guards everything of this network. Never held while user code runs.</summary>
    internal object Sync { get; } = new();

    internal Guid Id { get; } = Guid.NewGuid();

    /// <summary>A number of its own for everything in the network: a connection is known to its receiver by that of its sender.</summary>
    internal ulong NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Makes the next transfers or notifications fail; nothing of them is moved.</summary>
    /// <param name="count">How many.</param>
    /// <param name="status">With what; a failure.</param>
    public void FailNext(int count = 1, NixlStatus status = NixlStatus.Backend)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (status >= 0)
            throw new ArgumentOutOfRangeException(nameof(status), status, "A failure has a negative status.");
        lock (Sync)
        {
            _failures = count;
            _failure = status;
        }
    }

    /// <summary>
    /// Cuts an agent off, as if its process had died: its peers see <see cref="PeerState.Disconnected"/>, operations from and to it fail with
    /// <see cref="PeerDisconnectedException"/>, and nobody can connect to it any more, nor it to anybody.
    /// </summary>
    /// <param name="agent">The agent's name.</param>
    /// <exception cref="NixlNotFoundException">No such agent here.</exception>
    public void Disconnect(string agent)
    {
        lock (Sync)
        {
            if (!_agents.Remove(agent, out var core))
            {
                throw new NixlNotFoundException(
                    NixlStatus.NotFound, $"FakeTransport: NOT_FOUND: no agent '{agent}' here; there are: {string.Join(", ", _agents.Keys)}.");
            }

            core.LosePeers(null, "FakeTransport.Disconnect");
            foreach (var other in _agents.Values)
                other.LosePeers(core, "FakeTransport.Disconnect");
        }
    }

    internal AgentCore CreateCore(NixlAgentOptions options, ulong incarnation)
    {
        lock (Sync)
        {
            if (_agents.ContainsKey(options.Name))
            {
                throw new NixlInvalidArgumentException(
                    NixlStatus.InvalidParameter, $"FakeTransport: INVALID_PARAM: there is an agent '{options.Name}' already; dispose it first.");
            }

            var core = new FakeAgentCore(this, options, incarnation);
            _agents.Add(options.Name, core);
            return core;
        }
    }

    // The rest is called under the lock.

    /// <summary>An id that no other connection here has: receivers tell their senders apart by it.</summary>
    internal ulong NextConnection() => ++_lastConnection;

    internal bool Has(FakeAgentCore core) => _agents.ContainsValue(core);

    internal FakeAgentCore? Find(string name) => _agents.GetValueOrDefault(name);

    internal bool IsAlive(FakeAgentCore core) => _agents.GetValueOrDefault(core.Name) == core;

    internal void Remove(FakeAgentCore core)
    {
        if (IsAlive(core))
            _agents.Remove(core.Name);
        foreach (var other in _agents.Values)
            other.LosePeers(core, "the agent was disposed");
    }

    internal NixlStatus TakeFailure()
    {
        if (_failures == 0)
            return NixlStatus.Success;
        _failures--;
        return _failure;
    }
}
