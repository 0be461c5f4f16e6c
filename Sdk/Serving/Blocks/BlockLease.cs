using System.Diagnostics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Blocks of a <see cref="BlockPool"/> in the hands of one owner, and everybody whom the owner lets at them. Dispose it at any moment:
/// the blocks become free when nobody else can touch them any more, at once or later.
/// </summary>
/// <remarks>
/// <code>
///                          MarkComputed (the owner has computed it all; no writer was ever let in)
///                 ┌──────────────────────────────────────────────────────────────────┐
///                 │                                                                  ▼
/// ReserveAsync → Reserved ──GrantWrite, BeginPull──→ InFlight ──last writer──→ Quiesced ──MarkReady(complete Arrival)──→ Ready
///                 │ ▲                                 ▲  │       has ended         │      MarkRecomputed                 │ ▲
///    GrantRead,   │ └─ last reader has ended          │  │                         │                                     │ │
///    BeginPush    └──────────────→ InFlight           └──┼────── GrantWrite ───────┘        GrantRead, BeginPush ──→ InFlight
///                                                        │       (a part anew)
///                 Dispose, or a writer's grant expires   ▼
///                                                   Quarantined ──writer's confirmation | its exit | our fence──→ nobody left
///
/// Dispose with nobody left, or nobody left after Dispose ──→ Free (or Cached, for published blocks)
/// </code>
/// <para>InFlight and Quarantined say that a grant or an operation of our own is open; the other states, what is inside. A lease that has
/// expired is never served again, not even if everything comes after all.</para>
/// <para>Thread-safe, under its pool's lock. Blocks out of the prefix cache are shared with other leases and are never written.</para>
/// </remarks>
[MustDispose("blocks of a pool")]
[DebuggerDisplay("{ToString(),nq}")]
public sealed partial class BlockLease : IDisposable
{
    private readonly List<LeaseGrant> _open = [];
    private int[] _blocks;
    private int _openWrites;
    private BlockContent _content;

    internal BlockLease(BlockPool pool, int[] blocks, int cached)
    {
        Pool = pool;
        _blocks = blocks;
        CachedBlocks = cached;
        if (cached == blocks.Length) _content = BlockContent.Whole;
    }

    /// <summary>The pool.</summary>
    public BlockPool Pool { get; }

    /// <summary>The ids, in the order of the tokens; cached ones first. As of now: <see cref="TryExtend"/> adds some.</summary>
    /// <exception cref="ObjectDisposedException">It was given up; the blocks may be somebody else's.</exception>
    public ReadOnlySpan<int> Blocks
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsGivenUp, this);
            return Volatile.Read(ref _blocks);
        }
    }

    /// <summary>Blocks that came complete out of the prefix cache: the first so many.</summary>
    public int CachedBlocks { get; }

    /// <summary>Where it is.</summary>
    public BlockState State
    {
        get
        {
            lock (Pool.Sync) return StateUnderLock;
        }
    }

    /// <summary>Whether a writer's grant has expired: then only <see cref="Dispose"/> is left to do.</summary>
    public bool IsExpired
    {
        get
        {
            lock (Pool.Sync) return HasExpired;
        }
    }

    internal int Count => _blocks.Length;

    internal bool IsGivenUp { get; private set; }

    internal bool HasExpired { get; private set; }

    /// <summary>Timestamp of the pool's clock; null if it never was.</summary>
    internal long? QuarantinedSince { get; private set; }

    internal BlockState StateUnderLock =>
        _open.Count > 0 ? (IsGivenUp || HasExpired ? BlockState.Quarantined : BlockState.InFlight)
        : IsGivenUp ? BlockState.Free
        : _content switch
        {
            BlockContent.Empty => BlockState.Reserved,
            BlockContent.Incoming => BlockState.Quiesced,
            _ => BlockState.Ready,
        };

    /// <summary>Adds fresh blocks at the end, for tokens that the owner computes itself; in a ready lease they count as ready at once. Goes before those who wait for a lease: running
    /// work ends sooner than work that has not begun.</summary>
    /// <param name="count">Blocks, at least 1.</param>
    /// <returns>False if so many are not there; nothing was taken.</returns>
    /// <exception cref="ObjectDisposedException">It was given up.</exception>
    public bool TryExtend(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        lock (Pool.Sync)
        {
            CheckServed();
            if (Pool.Table.Available < count) return false;
            var longer = new int[checked(_blocks.Length + count)];
            for (var i = _blocks.Length; i < longer.Length; i++) longer[i] = Pool.Table.TakeFresh();
            _blocks.CopyTo(longer, 0);
            for (var i = _blocks.Length; i < longer.Length; i++)
            {
                if (_content != BlockContent.Empty) Pool.Table.SetContent(longer[i], _content);
                if (_tailUse != BlockUse.None) Pool.Table.Mark(longer[i], _tailUse, 1);
            }
            Volatile.Write(ref _blocks, longer);
            return true;
        }
    }

    /// <summary>Makes full blocks of a ready lease findable by later reservations. For blocks that were not expected from others, those of
    /// <see cref="TryExtend"/> among them, the owner vouches: publish each only when its last token is computed.</summary>
    /// <param name="hashes">Hashes of its blocks, from the first; those that are known already are left out.</param>
    /// <exception cref="InvalidOperationException">It is not ready: nobody may take what is not complete.</exception>
    public void Publish(params ReadOnlySpan<BlockHash> hashes)
    {
        lock (Pool.Sync)
        {
            CheckServed();
            if (_content != BlockContent.Whole)
                throw new InvalidOperationException($"The lease is {StateUnderLock}; only complete blocks can be published. Call MarkReady or MarkComputed before.");
            if (hashes.Length > _blocks.Length)
                throw new ArgumentException($"{hashes.Length} hashes for {_blocks.Length} blocks.", nameof(hashes));
            for (var i = 0; i < hashes.Length; i++) Pool.Table.Publish(_blocks[i], hashes[i]);
            Pool.Serve(); // who waits with this prefix now needs fewer fresh blocks
        }
    }

    /// <summary>
    /// Gives the blocks up. Those that nobody else can touch are free at once; the others go into quarantine and are free when the last
    /// grant or operation of our own has ended. Never blocks, never throws; again: no effect.
    /// </summary>
    public void Dispose()
    {
        lock (Pool.Sync)
        {
            if (IsGivenUp) return;
            IsGivenUp = true;
            Pool.GivenUp(this);
            Update();
            Pool.Serve();
        }
    }

    /// <summary>State, blocks, and who may touch them.</summary>
    public override string ToString()
    {
        lock (Pool.Sync) return $"{StateUnderLock}: {_blocks.Length} blocks of '{Pool.Name}', {CachedBlocks} cached, {_open.Count} grants open";
    }

    /// <summary>A grant has ended. Under the lock, like everything from here on.</summary>
    internal void Closed(LeaseGrant grant)
    {
        _open.Remove(grant);
        if (grant.Access == BlockAccess.Write) _openWrites--;
        Update();
    }

    /// <summary>A grant has expired. A reader's end says nothing about the content; without a writer it never becomes complete.</summary>
    internal void Expired(LeaseGrant grant)
    {
        if (grant.Access == BlockAccess.Read) return;
        HasExpired = true;
        Update();
    }

    /// <summary>Whoever asks for anything notices what has expired, swept or not.</summary>
    internal void ExpireDue()
    {
        if (_open.Count == 0) return;
        var now = Pool.Now();
        foreach (var grant in _open) Pool.ExpireIfDue(grant, now);
    }

    private void Opened(LeaseGrant grant)
    {
        _open.Add(grant);
        if (grant.Access == BlockAccess.Write) _openWrites++;
        Update();
    }

    private void CheckServed()
    {
        ObjectDisposedException.ThrowIf(IsGivenUp, this);
        ExpireDue();
        if (HasExpired)
            throw new LeaseExpiredException($"A writer of this lease of pool '{Pool.Name}' sent no heartbeat in time, so it is not served any more. Dispose it and reserve anew.");
    }
}
