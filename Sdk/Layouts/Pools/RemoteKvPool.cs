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
public abstract partial class RemoteKvPool : IDisposable, IAsyncDisposable
{
    private readonly KvAgreement _agreement;
    private readonly PreparedList?[] _lists;
    private readonly BlockRoute?[] _writes;
    private readonly BlockRoute?[] _reads;
    private int _disposed;

    private protected RemoteKvPool(KvPool local, RemoteAgent remote, string name, KvAgreement agreement)
    {
        Local = local;
        Remote = remote;
        Name = name;
        _agreement = agreement;
        _lists = new PreparedList?[agreement.Groups.Length];
        _writes = new BlockRoute?[_lists.Length];
        _reads = new BlockRoute?[_lists.Length];
        try
        {
            for (var i = 0; i < _lists.Length; i++) Prepare(i);
        }
        catch
        {
            foreach (var route in Routes()) route.Dispose();
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

    /// <summary>The peer's rank.</summary>
    public KvParallel Parallel => _agreement.Parallel;

    /// <summary>The peer's blocks of the first group.</summary>
    public long Blocks => _agreement.Groups[0].Blocks;

    /// <summary>The peer's blocks of a group.</summary>
    public long BlocksOf(int group) => _agreement.Groups[group].Blocks;

    /// <summary>
    /// What goes between this rank and the peer's where their placements differ: which pieces, and whether there is anything at all.
    /// Null between equal placements: then every block corresponds as it is.
    /// </summary>
    /// <param name="operation">The direction.</param>
    public Planning.ReshardRoute? Route(TransferOperation operation) => operation == TransferOperation.Write ? _agreement.Write : _agreement.Read;

    /// <summary>The prepared list of the peer's blocks of a group, the counterpart of <see cref="KvPool.Local"/>.</summary>
    /// <exception cref="InvalidOperationException">The peer's placement is another one, so that its pieces do not correspond to the
    /// local pool's; or its rank holds no layer of the group.</exception>
    public PreparedList List(int group = 0) => _lists[group] ?? throw new InvalidOperationException(
        _agreement.Write is null ? $"The peer's rank holds no layer of group {group}." : $"Pool '{Name}' of '{Remote.Name}' has another placement than the local one; use WriteBlocksAsync and ReadBlocksAsync.");

    /// <summary>Writes local blocks into the peer's.</summary>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts.</param>
    /// <param name="remoteBlocks">The peer's blocks for the same tokens, all distinct; as many, unless the sizes of blocks differ.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    /// <returns>The outcome; await it once. The ids are copied before this returns.</returns>
    /// <exception cref="NixlInvalidArgumentException">No blocks, numbers of blocks that do not hold the same tokens, or an id out of range;
    /// thrown at once.</exception>
    /// <exception cref="NixlException">The transfer failed; the subclass and the message say how, which peer and which range.</exception>
    public ValueTask<TransferResult> WriteBlocksAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, CancellationToken cancellationToken = default) =>
        WriteBlocksAsync(OnlyGroup(), localBlocks, remoteBlocks, default, cancellationToken);

    /// <summary>Writes local blocks into the peer's and notifies it once every byte is visible there.</summary>
    /// <inheritdoc cref="WriteBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts.</param>
    /// <param name="remoteBlocks">The peer's blocks for the same tokens, all distinct; as many, unless the sizes of blocks differ.</param>
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
    /// <param name="remoteBlocks">The peer's blocks for the same tokens, all distinct; as many, unless the sizes of blocks differ.</param>
    /// <param name="options">Notification, deadline and lease.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    public ValueTask<TransferResult> WriteBlocksAsync(
        int group, ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, CancellationToken cancellationToken = default) =>
        Of(_writes, group).PostAsync(localBlocks, remoteBlocks, options, cancellationToken);

    /// <summary>Reads the peer's blocks into local ones.</summary>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts, all distinct.</param>
    /// <param name="remoteBlocks">The peer's blocks of the same tokens; as many, unless the sizes of blocks differ.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    /// <inheritdoc cref="WriteBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    public ValueTask<TransferResult> ReadBlocksAsync(
        ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, CancellationToken cancellationToken = default) =>
        ReadBlocksAsync(OnlyGroup(), localBlocks, remoteBlocks, default, cancellationToken);

    /// <summary>Reads the peer's blocks into local ones and tells the peer when that is done, so that it can free them.</summary>
    /// <inheritdoc cref="ReadBlocksAsync(ReadOnlySpan{int}, ReadOnlySpan{int}, CancellationToken)"/>
    /// <param name="localBlocks">Ids of local blocks, in the order of their counterparts, all distinct.</param>
    /// <param name="remoteBlocks">The peer's blocks of the same tokens; as many, unless the sizes of blocks differ.</param>
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
    /// <param name="remoteBlocks">The peer's blocks of the same tokens; as many, unless the sizes of blocks differ.</param>
    /// <param name="options">Notification, deadline and lease.</param>
    /// <param name="cancellationToken">Asks for cancellation; the outcome may still be success.</param>
    public ValueTask<TransferResult> ReadBlocksAsync(
        int group, ReadOnlySpan<int> localBlocks, ReadOnlySpan<int> remoteBlocks, in PostOptions options, CancellationToken cancellationToken = default) =>
        Of(_reads, group).PostAsync(localBlocks, remoteBlocks, options, cancellationToken);

    /// <summary>Asks running transfers to cancel and gives up the lists as soon as they have quiesced. Never blocks.</summary>
    public void Dispose()
    {
        lock (_layersSync)
        {
            // Under the lock that layers are prepared under, so that none is made after this.
            if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        }
        foreach (var route in Routes()) route.Dispose();
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

    private IEnumerable<BlockRoute> Routes() => _writes.Concat(_reads).Concat(LayerRoutes()).OfType<BlockRoute>();

    private IEnumerable<TransferPool> All() => Routes().Select(static route => route.Transfers).OfType<TransferPool>();

    private void Prepare(int group)
    {
        var (here, there) = (Local.Groups[group], _agreement.Groups[group]);
        if (_agreement.Write is null || _agreement.Read is null)
        {
            if (there.Regions.Length == 0) return;
            _lists[group] = Local.Agent.PrepareRemote(Remote, there.Regions, ListMode.Block);
            _writes[group] = new BlockRoute(this, here.Plan.Schema.Name, TransferOperation.Write, Local.Local(group), _lists[group], (here.Blocks, 1), (there.Blocks, 1), []);
            _reads[group] = new BlockRoute(this, here.Plan.Schema.Name, TransferOperation.Read, Local.Local(group), _lists[group], (here.Blocks, 1), (there.Blocks, 1), []);
            return;
        }
        _writes[group] = MakeRoute(TransferOperation.Write, Find(_agreement.Write, here), here, there);
        _reads[group] = MakeRoute(TransferOperation.Read, Find(_agreement.Read, here), here, there);
    }

    private BlockRoute MakeRoute(TransferOperation operation, Planning.ReshardGroup route, KvGroupMemory here, KvGroupMemory there)
    {
        var (localUnits, remoteUnits) = operation == TransferOperation.Write
            ? (route.Units.SourcePerBlock, route.Units.TargetPerBlock)
            : (route.Units.TargetPerBlock, route.Units.SourcePerBlock);
        if (route.Pieces.Count == 0) return new BlockRoute(this, route.Name, operation, null, null, (here.Blocks, 1), (there.Blocks, 1), []);
        var local = Local.Agent.PrepareLocal(here.RegionsOf(route, isSource: operation == TransferOperation.Write), ListMode.Block);
        try
        {
            var remote = Local.Agent.PrepareRemote(Remote, there.RegionsOf(route, isSource: operation == TransferOperation.Read), ListMode.Block);
            // Units of all blocks have been checked to fit ids, so those of one block do.
            return new BlockRoute(this, route.Name, operation, local, remote,
                (here.Blocks, localUnits * here.PhysicalBlocksPerBlock), (there.Blocks, remoteUnits * there.PhysicalBlocksPerBlock), [local, remote]);
        }
        catch
        {
            local.Dispose();
            throw;
        }
    }

    // A route's groups stand in its target's order; names are the same on both sides.
    private static Planning.ReshardGroup Find(Planning.ReshardRoute route, KvGroupMemory group) =>
        route.Groups.First(candidate => candidate.Name == group.Plan.Schema.Name);

    private int OnlyGroup() => _agreement.Groups.Length == 1
        ? 0
        : throw new InvalidOperationException(
            $"Pool '{Name}' has {_agreement.Groups.Length} groups with block ids of their own; name the group: {string.Join(", ", _agreement.Groups.Select((group, i) => $"{i} = {group.Plan.Schema.Name}"))}.");

    private BlockRoute Of(BlockRoute?[] routes, int group)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        ObjectDisposedException.ThrowIf(Local.IsDisposed, Local);
        return routes[group] ?? throw new InvalidOperationException(
            $"Rank PP {Local.Parallel.PpRank} of {Local.Parallel.Pp} holds no layer of group '{_agreement.Groups[group].Plan.Schema.Name}'.");
    }
}
