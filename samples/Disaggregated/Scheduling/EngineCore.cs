using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The compute side of an engine: continuous batching with chunked prefill over the SDK's block pools, a prefix cache, and ranks of tensor parallelism.
/// Each <see cref="Step"/> computes tokens of many sequences; each sequence gets the tokens that it would get alone. One thread at a time,
/// except <see cref="Check"/>.
/// </summary>
internal sealed class EngineCore : IDisposable
{
    private readonly LlamaConfig _config;
    private readonly BatchRunner _runner;
    private readonly SequenceBlocks _blocks;
    private readonly Scheduler _scheduler;
    private readonly StepBatch _batch = new();

    /// <summary>Creates an engine core.</summary>
    /// <param name="model">The model; the caller's, alive for longer than the core.</param>
    /// <param name="caches">One cache per rank, as <see cref="BatchRunner"/> takes them.</param>
    /// <param name="pools">The blocks of these caches, one pool per rank; others may reserve from them, too.</param>
    /// <param name="hasher">Names the content of blocks.</param>
    /// <param name="options">How steps are filled.</param>
    /// <exception cref="ArgumentException">Caches, pools, model and options do not fit.</exception>
    internal EngineCore(LlamaModel model, IReadOnlyList<PagedKvCache> caches, IReadOnlyList<BlockPool> pools, BlockHasher hasher, EngineCoreOptions? options = null)
    {
        options ??= new EngineCoreOptions();
        options.Validate();
        if (caches.Count != pools.Count) throw new ArgumentException($"{pools.Count} block pools for {caches.Count} ranks.", nameof(pools));
        if (hasher.BlockTokens != caches[0].BlockTokens) throw new ArgumentException($"Blocks of {caches[0].BlockTokens} tokens are hashed in blocks of {hasher.BlockTokens}.", nameof(hasher));
        foreach (var pool in pools)
            if (pool.Blocks > caches[0].Blocks) throw new ArgumentException($"{pool.Blocks} blocks are handed out; the caches have {caches[0].Blocks}.", nameof(pools));
        _runner = new BatchRunner(model, caches, options.StepTokens, options.MaxSequences, options.RankTimeout);
        _config = model.Config;
        _blocks = new SequenceBlocks(pools, caches, options.PrefixCache ? hasher : null);
        _scheduler = new Scheduler(options, _blocks);
    }

    /// <summary>Tokens that went through the model since the start.</summary>
    internal long TokensComputed => _runner.TokensComputed;

    /// <summary>Sequences without blocks.</summary>
    internal int Waiting => _scheduler.Waiting;

    /// <summary>Sequences that take part in steps, or will in a moment.</summary>
    internal int Running => _scheduler.Running;

    /// <summary>Tokens of prompts that are still to be computed; what waiting ones will find cached is in it.</summary>
    internal long QueuedTokens => _scheduler.QueuedTokens;

    /// <summary>Who waits for blocks and is the next to get some; null if nobody lacks any.</summary>
    internal Sequence? ShortOfBlocks => _scheduler.ShortOfBlocks is { State: SequenceState.Waiting } next ? next : null;

    /// <summary>Told of a sequence that has got its blocks, before the step that begins it.</summary>
    internal Action<Sequence>? Admitted { get; set; }

    /// <summary>Whether a sequence can be computed at all. Safe from any thread.</summary>
    /// <exception cref="ArgumentException">It never can: the message has the numbers.</exception>
    internal void Check(SequenceSpec spec)
    {
        if (spec.Prompt.Count < 1) throw new ArgumentException($"'{spec.Id}' has no prompt tokens; at least 1.");
        foreach (var token in spec.Prompt)
            if ((uint)token >= (uint)_config.VocabularySize) throw new ArgumentException($"'{spec.Id}' has token {token}; the vocabulary has {_config.VocabularySize}.");
        if (spec.MaxNewTokens < 1) throw new ArgumentException($"'{spec.Id}' asks for {spec.MaxNewTokens} new tokens; at least 1.");
        var positions = (long)spec.Prompt.Count + spec.MaxNewTokens - 1;
        if (positions > _config.MaxPositions)
            throw new ArgumentException($"'{spec.Id}' has {spec.Prompt.Count} prompt tokens and {spec.MaxNewTokens} new ones; the model was made for {_config.MaxPositions} positions.");
        if (_blocks.BlocksFor((int)positions) > _blocks.Total)
            throw new ArgumentException($"'{spec.Id}' has {positions} positions, which need {_blocks.BlocksFor((int)positions)} blocks; the pool has {_blocks.Total}.");
    }

    /// <summary>Adds a sequence behind those that wait.</summary>
    /// <exception cref="ArgumentException">It can never be computed: the message has the numbers.</exception>
    internal Sequence Add(SequenceSpec spec)
    {
        Check(spec);
        var sequence = new Sequence(spec);
        _scheduler.Add(sequence);
        return sequence;
    }

    /// <summary>Adds a sequence whose prompt was computed elsewhere. It is never preempted, and takes part in steps as soon as there is a place.</summary>
    /// <param name="spec">The sequence.</param>
    /// <param name="leases">On each rank ready blocks with the whole prompt, and enough for the longest answer. The core's from now on.</param>
    /// <param name="firstToken">The first token of the answer.</param>
    /// <exception cref="ArgumentException">It can never be computed, or these are not its blocks. They are still the caller's.</exception>
    internal Sequence Adopt(SequenceSpec spec, IReadOnlyList<BlockLease> leases, int firstToken)
    {
        Check(spec);
        var needed = _blocks.BlocksFor(spec.MaxPositions);
        foreach (var lease in leases)
            if (lease.State is not (BlockState.Ready or BlockState.InFlight) || lease.Blocks.Length < needed)
                throw new ArgumentException($"'{spec.Id}' needs {needed} ready blocks; given is {lease}.", nameof(leases));
        if ((uint)firstToken >= (uint)_config.VocabularySize)
            throw new ArgumentException($"Token {firstToken} of '{spec.Id}'; the vocabulary has {_config.VocabularySize}.", nameof(firstToken));
        var sequence = new Sequence(spec) { IsAdopted = true };
        _blocks.Adopt(sequence, [.. leases]);
        _scheduler.AddArrived(sequence);
        Append(sequence, firstToken);
        return sequence;
    }

    /// <summary>Runs a few tokens through all ranks, so that the first request finds everything compiled. Before the first step.</summary>
    /// <param name="pools">The core's.</param>
    internal void WarmUp(IReadOnlyList<BlockPool> pools)
    {
        BlockLease[] leases = [.. pools.Select(pool => pool.TryReserve(1) ?? throw new InvalidOperationException($"Pool '{pool.Name}' has no block for the warm-up."))];
        try
        {
            ReadOnlyMemory<int>[] tables = [.. leases.Select(lease => (ReadOnlyMemory<int>)lease.Blocks.ToArray())];
            foreach (var (first, count) in (ReadOnlySpan<(int, int)>)[(0, 8), (8, 1), (9, 1)])
            {
                _batch.Clear();
                _batch.Add(new int[count], first, tables, wantsLogits: true);
                _runner.Run(_batch);
            }
        }
        finally
        {
            foreach (var lease in leases) lease.Dispose();
        }
    }

    /// <summary>Computes one step; at once back with <see cref="StepResult.IsIdle"/> if there is nothing to do.</summary>
    /// <exception cref="OperationCanceledException">Cancelled before the step began; the next one goes on.</exception>
    /// <exception cref="InvalidOperationException">A rank failed; the core cannot be used any more.</exception>
    internal StepResult Step(CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var schedule = _scheduler.Next();
        foreach (var sequence in schedule.Admitted) Admitted?.Invoke(sequence);
        List<SequenceOutput> outputs = [];
        List<Sequence> failed = [];
        var promptTokens = 0;
        if (schedule.Chunks.Count > 0)
        {
            _batch.Clear();
            foreach (var chunk in schedule.Chunks) _blocks.Clean(chunk.Sequence, chunk.Sequence.ComputedTokens + chunk.Tokens);
            int[] rows = [.. schedule.Chunks.Select(chunk => _batch.Add(
                chunk.Sequence.Tokens.Slice(chunk.Sequence.ComputedTokens, chunk.Tokens), chunk.Sequence.ComputedTokens, chunk.Sequence.BlockTables,
                wantsLogits: chunk.Tokens == chunk.Sequence.PendingTokens))];
            _runner.Run(_batch, StoredOf(schedule), CancellationToken.None);
            for (var i = 0; i < rows.Length; i++)
            {
                var (sequence, count) = schedule.Chunks[i];
                promptTokens += Math.Clamp(sequence.Spec.Prompt.Count - sequence.ComputedTokens, 0, count);
                sequence.ComputedTokens += count;
                if (rows[i] >= 0) Sample(sequence, rows[i], outputs, failed);
            }
        }
        return new StepResult(schedule.Chunks.Sum(chunk => chunk.Tokens), promptTokens, schedule.Admitted, schedule.Preempted, outputs, failed);
    }

    /// <summary>Ends a sequence between two steps and gives its blocks up: they are free as soon as nobody else touches them.</summary>
    /// <returns>False if it had ended already; then nothing happens.</returns>
    internal bool Abort(Sequence sequence)
    {
        if (sequence.State == SequenceState.Finished) return false;
        Finish(sequence, FinishReason.Aborted, keepBlocks: false);
        return true;
    }

    /// <inheritdoc cref="BatchRunner.HasEnded"/>
    internal bool HasEnded => _runner.HasEnded;

    /// <inheritdoc/>
    public void Dispose() => _runner.Dispose();

    /// <summary>Tells those that want to know it what is stored; they are told positions, and the core counts in chunks.</summary>
    private static Action<int, int>? StoredOf(Schedule schedule)
    {
        (Sequence Sequence, int Positions)[] told =
            [.. schedule.Chunks.Where(chunk => chunk.Sequence.Spec.Stored is not null).Select(chunk => (chunk.Sequence, chunk.Sequence.ComputedTokens + chunk.Tokens))];
        if (told.Length == 0) return null;
        return (rank, layer) =>
        {
            foreach (var (sequence, positions) in told) sequence.Spec.Stored!(rank, layer, positions);
        };
    }

    private void Sample(Sequence sequence, int row, List<SequenceOutput> outputs, List<Sequence> failed)
    {
        int token;
        try
        {
            token = Greedy.Choose(_runner.Logits(row));
        }
        catch (ArithmeticException)
        {
            failed.Add(sequence);
            Finish(sequence, FinishReason.Failed, keepBlocks: false);
            return;
        }
        // The logits are numbers, so all that the sequence has computed is: it may be shared.
        _blocks.Publish(sequence);
        Append(sequence, token);
        outputs.Add(new SequenceOutput(sequence, token));
    }

    private void Append(Sequence sequence, int token)
    {
        sequence.Append(token);
        if (_config.EosTokens.Contains(token)) Finish(sequence, FinishReason.Stop, sequence.Spec.KeepBlocks);
        else if (sequence.NewTokens.Length == sequence.Spec.MaxNewTokens) Finish(sequence, FinishReason.Length, sequence.Spec.KeepBlocks);
    }

    private void Finish(Sequence sequence, FinishReason reason, bool keepBlocks)
    {
        _scheduler.Remove(sequence);
        sequence.FinishReason = reason;
        if (!keepBlocks) sequence.Release();
    }
}
