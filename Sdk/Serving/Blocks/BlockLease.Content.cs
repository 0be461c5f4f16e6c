namespace Nixl.Sdk.Serving;

public sealed partial class BlockLease
{
    private LeaseCoverage? _coverage;
    private ArrivalPolicy _policy;

    /// <summary>Says what has to come from others before the lease can be ready. Cached blocks have come already.</summary>
    /// <param name="plan">Who gives what of each block.</param>
    /// <param name="blocks">The first so many blocks, cached ones included; the owner computes the others itself.</param>
    /// <param name="policy">What may be done if not everything comes.</param>
    /// <exception cref="InvalidOperationException">Something was expected or computed already.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many blocks, or fewer than are cached.</exception>
    public void Expect(ArrivalPlan plan, int blocks, ArrivalPolicy policy = ArrivalPolicy.FailClosed)
    {
        ArgumentNullException.ThrowIfNull(plan);
        lock (Pool.Sync)
        {
            CheckServed();
            ArgumentOutOfRangeException.ThrowIfLessThan(blocks, CachedBlocks);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, _blocks.Length);
            var isCachedWhole = CachedBlocks == _blocks.Length; // ready from the first, and may be treated like every other
            if (_coverage is not null || (_content != BlockContent.Empty && !isCachedWhole))
                throw new InvalidOperationException($"The lease is {StateUnderLock}; say what is expected once, before anything is written or computed.");
            _coverage = new LeaseCoverage(plan, blocks, CachedBlocks);
            _policy = policy;
        }
    }

    /// <summary>Whether a layer of all expected blocks has come from all who give something of it: it can be read before the others have.</summary>
    /// <param name="layer">The model's index of the layer.</param>
    /// <exception cref="InvalidOperationException">Nothing is expected.</exception>
    /// <exception cref="ArgumentOutOfRangeException">This rank does not hold the layer.</exception>
    public bool HasLayer(int layer)
    {
        lock (Pool.Sync)
        {
            CheckServed();
            var coverage = Expected();
            if (!coverage.Plan.Layers.AsSpan().Contains(layer))
                throw new ArgumentOutOfRangeException(nameof(layer), layer, $"This rank holds no such layer of group {coverage.Plan.Group}.");
            return coverage.IsLayerComplete(layer);
        }
    }

    /// <summary>States what has come, after the last writer has ended.</summary>
    /// <exception cref="InvalidOperationException">Nothing is expected, or somebody may still write.</exception>
    /// <exception cref="LeaseExpiredException">The lease has expired.</exception>
    /// <exception cref="ObjectDisposedException">The lease was given up.</exception>
    public Arrival GetArrival()
    {
        lock (Pool.Sync)
        {
            CheckServed();
            var coverage = Expected();
            CheckNoWriter();
            return ArrivalReport.Of(this, coverage);
        }
    }

    /// <summary>Makes the lease ready: everything has come.</summary>
    /// <param name="arrival">A complete arrival of this lease.</param>
    /// <exception cref="IncompleteArrivalException">Something is missing; the message says what. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">It is another lease's arrival, or one from before the last writer.</exception>
    /// <exception cref="LeaseExpiredException">The lease has expired.</exception>
    /// <exception cref="ObjectDisposedException">The lease was given up.</exception>
    public void MarkReady(Arrival arrival)
    {
        lock (Pool.Sync)
        {
            Check(arrival);
            if (!arrival.IsComplete)
                throw new IncompleteArrivalException(arrival, Missing(arrival) + (_policy == ArrivalPolicy.Recompute
                    ? "Recompute those blocks and call MarkRecomputed, or grant the part anew."
                    : "Nothing is served. Grant the part anew, or dispose the lease and fail the request."));
            SetContent(BlockContent.Whole);
        }
    }

    /// <summary>Makes the lease ready: what did not come, the owner has computed itself.</summary>
    /// <param name="arrival">An arrival of this lease.</param>
    /// <param name="recomputed">Positions of the blocks that were computed again, all layers: at least <see cref="Arrival.BlocksToRecompute"/>.</param>
    /// <exception cref="IncompleteArrivalException">A block is neither complete nor recomputed. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The policy is <see cref="ArrivalPolicy.FailClosed"/>; or as for <see cref="MarkReady"/>.</exception>
    /// <exception cref="LeaseExpiredException">The lease has expired.</exception>
    /// <exception cref="ObjectDisposedException">The lease was given up.</exception>
    public void MarkRecomputed(Arrival arrival, params ReadOnlySpan<int> recomputed)
    {
        lock (Pool.Sync)
        {
            Check(arrival);
            if (_policy != ArrivalPolicy.Recompute)
                throw new InvalidOperationException("The lease fails closed. To compute missing blocks, say so in Expect (ArrivalPolicy.Recompute).");
            foreach (var block in arrival.BlocksToRecompute)
                if (!recomputed.Contains(block)) throw new IncompleteArrivalException(arrival, Missing(arrival) + $"Block {block} was not recomputed.");
            SetContent(BlockContent.Whole);
        }
    }

    /// <summary>Makes the lease ready: the owner has computed all of it. Not possible once anybody else was allowed to write.</summary>
    /// <exception cref="InvalidOperationException">Somebody was allowed to write; then only an arrival can make it ready.</exception>
    /// <exception cref="ObjectDisposedException">The lease was given up.</exception>
    public void MarkComputed()
    {
        lock (Pool.Sync)
        {
            CheckServed();
            if (_content == BlockContent.Incoming)
                throw new InvalidOperationException($"The lease is {StateUnderLock}: others were allowed to write it, so only a complete arrival makes it ready (GetArrival, MarkReady).");
            SetContent(BlockContent.Whole);
        }
    }

    /// <summary>Records what a writer declares. Under the lock, like the next one; works for a lease that was given up, so that its memory
    /// can be let go.</summary>
    /// <param name="part">The writer's part.</param>
    /// <param name="runs">What it declares.</param>
    /// <param name="bytes">What its transport has counted.</param>
    /// <param name="spoiled">Layers and blocks of the runs whose bytes are not those that were sent: they count as not having come.</param>
    internal bool Record(int part, ReadOnlySpan<ArrivalRun> runs, long bytes, ReadOnlySpan<(int Layer, int Block)> spoiled)
    {
        if (!_coverage!.TryAdd(part, runs, bytes)) return false;
        foreach (var (layer, block) in spoiled) _coverage.Remove(part, layer, block);
        return true;
    }

    /// <summary>Layers of blocks that a part's writer has to write.</summary>
    internal long LayersOfBlocks(int part) => (long)_coverage!.Plan.Parts[part].LayerCount * (_coverage.Blocks - CachedBlocks);

    internal bool HasWhole(int part) => _coverage!.IsPartComplete(part);

    private LeaseCoverage Expected() => _coverage ?? throw new InvalidOperationException("Nothing is expected from others; call Expect before, or MarkComputed if the owner computes it all.");

    private void CheckNoWriter()
    {
        if (_openWrites > 0)
            throw new InvalidOperationException($"{_openWrites} writers have not ended; what has come is certain only after the last one.");
    }

    private void Check(Arrival arrival)
    {
        ArgumentNullException.ThrowIfNull(arrival);
        CheckServed();
        CheckNoWriter();
        if (arrival.Lease != this)
            throw new InvalidOperationException("That is another lease's arrival.");
        if (arrival.Version != _coverage!.Version)
            throw new InvalidOperationException("More was granted or has come since the arrival was taken. Take another one with GetArrival.");
    }

    private string Missing(Arrival arrival) =>
        $"Pool '{Pool.Name}': {arrival.BlocksToRecompute.Count} of {_coverage!.Blocks} blocks are incomplete; first of {arrival.Gaps.Count} gaps: " +
        $"{arrival.Gaps[0]} (block id {_blocks[arrival.Gaps[0].Block]}). ";
}
