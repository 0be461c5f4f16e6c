using System.Security.Cryptography;
using Nixl.Sdk.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Who owns which block: ids 0 … N-1 of one group of a <see cref="KvPool"/>, handed out as <see cref="BlockLease"/>s, shared by prefix, and
/// given to nobody as long as somebody else may still touch them.
/// </summary>
/// <remarks>
/// <para>Thread-safe: one lock, held for the time that it takes to touch the blocks of one lease. Nothing is called back under it.</para>
/// <para>It knows ids only and owns no memory. Groups with ids of their own have a pool each.</para>
/// </remarks>
public sealed partial class BlockPool : IDisposable
{
    /// <summary>Exits that are remembered. A life that has ended does not come again: who still has its connection asks it within seconds of its end or not at
    /// all, and a grant to one that is forgotten is quarantined until its exit is told once more.</summary>
    internal const int ExitsKept = 4096;

    private readonly TimeProvider _time;
    private readonly long _lifetime;
    private readonly long _extension;
    private readonly Dictionary<ulong, LeaseGrant> _grants = []; // the open ones
    private readonly HashSet<BlockLease> _expired = []; // not given up, and not yet named by ExpireGrants
    private readonly RecentSet<PeerIdentity> _exited = new(ExitsKept);
    private readonly long[] _refused = new long[(int)LeaseAnswer.Malformed + 1];
    private long _sequence;
    private long _hits;
    private long _asked;
    private bool _disposed;

    /// <summary>A pool with all blocks free.</summary>
    /// <param name="blocks">Blocks, at least 1.</param>
    /// <param name="options">Name, owner, lifetimes, clock.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public BlockPool(int blocks, BlockPoolOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        options ??= new BlockPoolOptions();
        options.Check();
        Name = options.Name;
        Owner = options.Owner ?? new PeerIdentity("", Draw());
        HeartbeatInterval = options.HeartbeatInterval;
        _time = options.TimeProvider;
        _lifetime = Ticks(options.LeaseLifetime);
        _extension = Ticks(options.LeaseExtension);
        Table = new BlockTable(blocks);
        BlockMetrics.Add(this);
    }

    /// <summary>Name in gauges and messages.</summary>
    public string Name { get; }

    /// <summary>The agent that owns the blocks.</summary>
    public PeerIdentity Owner { get; }

    /// <summary>How often peers are asked to send <see cref="Heartbeat"/>.</summary>
    public TimeSpan HeartbeatInterval { get; }

    /// <summary>All blocks.</summary>
    public int Blocks => Table.Blocks;

    /// <summary>Guards everything of this pool and of its leases.</summary>
    internal Lock Sync { get; } = new();

    internal BlockTable Table { get; }

    /// <summary>Where a block is now.</summary>
    /// <param name="block">Its id.</param>
    public BlockState StateOf(int block)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(block);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(block, Blocks);
        lock (Sync) return Table.StateOf(block);
    }

    /// <summary>All counts at one moment. Allocates nothing.</summary>
    public BlockPoolSnapshot Snapshot()
    {
        lock (Sync) return TakeSnapshot();
    }

    /// <summary>How many blocks of a prompt are there already: the longest run from its first block.</summary>
    /// <param name="prefix">Hashes of the prompt's full blocks, from the first.</param>
    public int CountCached(ReadOnlySpan<BlockHash> prefix)
    {
        lock (Sync) return Table.CountHits(prefix, out _);
    }

    /// <summary>Ends all waiting with <see cref="ObjectDisposedException"/> and takes the pool out of the gauges. Leases live on: each is
    /// given back as before.</summary>
    public void Dispose()
    {
        lock (Sync)
        {
            if (_disposed) return;
            _disposed = true;
            while (_waiting.First is { } first) first.Value.Fail(new ObjectDisposedException(nameof(BlockPool)));
        }
        BlockMetrics.Remove(this);
    }

    internal long Now() => _time.GetTimestamp();

    private BlockPoolSnapshot TakeSnapshot() => new()
    {
        Blocks = Blocks,
        Free = Table.Count(BlockState.Free),
        Cached = Table.Count(BlockState.Cached),
        Reserved = Table.Count(BlockState.Reserved),
        InFlight = Table.Count(BlockState.InFlight),
        Quiesced = Table.Count(BlockState.Quiesced),
        Ready = Table.Count(BlockState.Ready),
        Quarantined = Table.Count(BlockState.Quarantined),
        Waiting = _waiting.Count,
        OpenGrants = _grants.Count,
        PrefixBlocksAsked = _asked,
        PrefixBlocksHit = _hits,
        Evictions = Table.Evictions,
        RefusedUnknown = _refused[(int)LeaseAnswer.Unknown],
        RefusedStale = _refused[(int)LeaseAnswer.Stale],
        RefusedNotGranted = _refused[(int)LeaseAnswer.NotGranted],
        RefusedExpired = _refused[(int)LeaseAnswer.Expired],
        RefusedGivenUp = _refused[(int)LeaseAnswer.GivenUp],
        RefusedMalformed = _refused[(int)LeaseAnswer.Malformed],
    };

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

    private static ulong Draw()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }
}
