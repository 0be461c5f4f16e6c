namespace Nixl.Sdk;

/// <summary>
/// A peer's pool, checked against a local one and prepared: blocks are moved by their ids. This base has what does not depend on the
/// layout's type; <see cref="KvPool{TLayout}.Connect"/> makes one.
/// </summary>
/// <remarks>
/// <para>Thread-safe: any number of transfers may run at once. After warm-up a transfer allocates nothing.</para>
/// <para>Bound to one incarnation of the peer. After the peer restarts, posts fail with <see cref="StalePeerException"/>: connect
/// again.</para>
/// </remarks>
[MustDispose("prepared lists and transfers")]
public abstract class RemoteKvPool : IDisposable, IAsyncDisposable
{
    private readonly PreparedList?[] _lists;
    private readonly TransferPool?[] _writes;
    private readonly TransferPool?[] _reads;
    private readonly KvGroupMemory[] _groups;
    private int _disposed;

    private protected RemoteKvPool(KvPool local, RemoteAgent remote, string name, KvGroupMemory[] groups)
    {
        Local = local;
        Remote = remote;
        Name = name;
        _groups = groups;
        _lists = new PreparedList?[groups.Length];
        _writes = new TransferPool?[groups.Length];
        _reads = new TransferPool?[groups.Length];
        try
        {
            for (var i = 0; i < groups.Length; i++)
            {
                if (groups[i].Regions.Length == 0) continue;
                _lists[i] = local.Agent.PrepareRemote(remote, groups[i].Regions, ListMode.Block);
                _writes[i] = new TransferPool(local.Agent, TransferOperation.Write, local.Local(i), _lists[i]!);
                _reads[i] = new TransferPool(local.Agent, TransferOperation.Read, local.Local(i), _lists[i]!);
            }
        }
        catch
        {
            foreach (var list in _lists) list?.Dispose();
            throw;
        }
    }

    /// <summary>The local pool.</summary>
    public KvPool Local { get; }

    /// <summary>The peer.</summary>
    public RemoteAgent Remote { get; }

    /// <summary>The pool's name at the peer.</summary>
    public string Name { get; }

    /// <summary>The peer's blocks of the first group.</summary>
    public long Blocks => _groups[0].Blocks;

    /// <summary>The peer's blocks of a group.</summary>
    public long BlocksOf(int group) => _groups[group].Blocks;

    /// <summary>The prepared list of the peer's blocks of a group.</summary>
    public PreparedList List(int group = 0) =>
        _lists[group] ?? throw new InvalidOperationException($"The peer's rank holds no layer of group {group}.");

    /// <summary>Writes local blocks into the peer's.</summary>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts.</param>
    /// <param name="remoteBlocks">As many ids of the peer's blocks, all distinct.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    /// <returns>The outcome; await it once. The ids are copied before this returns.</returns>
    /// <exception cref="NixlInvalidArgumentException">Unequal or zero counts, or an id out of range; thrown at once.</exception>
    /// <exception cref="NixlException">The transfer failed; the subclass and the message say how, which peer and which range.</exception>
    public ValueTask<TransferResult> WriteBlocksAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, CancellationToken cancellationToken = default) =>
        WriteBlocksAsync(OnlyGroup(), localBlocks, remoteBlocks, default, cancellationToken);

    /// <summary>Writes local blocks into the peer's and notifies it once every byte is visible there.</summary>
    /// <inheritdoc cref="WriteBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts.</param>
    /// <param name="remoteBlocks">As many ids of the peer's blocks, all distinct.</param>
    /// <param name="notification">What the peer is told, at most 64 KiB; copied before this returns.</param>
    /// <param name="timeout">The deadline from now; zero for the agent's default.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    public ValueTask<TransferResult> WriteBlocksAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, ReadOnlySpan<byte> notification, TimeSpan timeout = default,
        CancellationToken cancellationToken = default) =>
        WriteBlocksAsync(OnlyGroup(), localBlocks, remoteBlocks, new PostOptions { Notification = notification, Timeout = timeout }, cancellationToken);

    /// <summary>Writes local blocks of one group into the peer's.</summary>
    /// <inheritdoc cref="WriteBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts.</param>
    /// <param name="remoteBlocks">As many ids of the peer's blocks, all distinct.</param>
    /// <param name="options">Notification, deadline and lease.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    public ValueTask<TransferResult> WriteBlocksAsync(
        int group, ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, CancellationToken cancellationToken = default) =>
        Of(_writes, group).PostAsync(localBlocks, remoteBlocks, options, cancellationToken);

    /// <summary>Reads the peer's blocks into local ones.</summary>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts, all distinct.</param>
    /// <param name="remoteBlocks">As many ids of the peer's blocks.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    /// <inheritdoc cref="WriteBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    public ValueTask<TransferResult> ReadBlocksAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, CancellationToken cancellationToken = default) =>
        ReadBlocksAsync(OnlyGroup(), localBlocks, remoteBlocks, default, cancellationToken);

    /// <summary>Reads the peer's blocks into local ones and tells the peer when that is done, so that it can free them.</summary>
    /// <inheritdoc cref="ReadBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts, all distinct.</param>
    /// <param name="remoteBlocks">As many ids of the peer's blocks.</param>
    /// <param name="notification">What the peer is told, at most 64 KiB; copied before this returns.</param>
    /// <param name="timeout">The deadline from now; zero for the agent's default.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    public ValueTask<TransferResult> ReadBlocksAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, ReadOnlySpan<byte> notification, TimeSpan timeout = default,
        CancellationToken cancellationToken = default) =>
        ReadBlocksAsync(OnlyGroup(), localBlocks, remoteBlocks, new PostOptions { Notification = notification, Timeout = timeout }, cancellationToken);

    /// <summary>Reads the peer's blocks of one group into local ones.</summary>
    /// <inheritdoc cref="ReadBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    /// <param name="group">The group's index in the layout.</param>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts, all distinct.</param>
    /// <param name="remoteBlocks">As many ids of the peer's blocks.</param>
    /// <param name="options">Notification, deadline and lease.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    public ValueTask<TransferResult> ReadBlocksAsync(
        int group, ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, CancellationToken cancellationToken = default) =>
        Of(_reads, group).PostAsync(localBlocks, remoteBlocks, options, cancellationToken);

    /// <summary>Asks running transfers to cancel and gives up the lists as soon as they have quiesced. Never blocks.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        foreach (var pool in All()) pool.Dispose();
        foreach (var list in _lists) list?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Asks running transfers to cancel and waits until the transport can no longer touch any block.</summary>
    public async ValueTask DisposeAsync()
    {
        Dispose();
        GC.SuppressFinalize(this);
        foreach (var pool in All()) await pool.WhenQuiescedAsync().ConfigureAwait(false);
    }

    /// <summary>For tests.</summary>
    internal int TransferCount => All().Sum(static pool => pool.Count);

    /// <summary>For tests.</summary>
    internal int IdleCount => All().Sum(static pool => pool.IdleCount);

    private IEnumerable<TransferPool> All() => _writes.Concat(_reads).OfType<TransferPool>();

    private int OnlyGroup() => _groups.Length == 1
        ? 0
        : throw new InvalidOperationException(
            $"Pool '{Name}' has {_groups.Length} groups with block ids of their own; name the group: {string.Join(", ", _groups.Select((group, i) => $"{i} = {group.Plan.Schema.Name}"))}.");

    private TransferPool Of(TransferPool?[] pools, int group)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return pools[group] ?? throw new InvalidOperationException(
            $"Rank PP {Local.Parallel.PpRank} of {Local.Parallel.Pp} holds no layer of group '{_groups[group].Plan.Schema.Name}'.");
    }
}
