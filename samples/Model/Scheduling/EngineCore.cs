namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The compute side of an engine: continuous batching with chunked prefill over paged blocks, a prefix cache, and ranks of tensor parallelism.
/// Each <see cref="Step"/> computes tokens of many sequences; each sequence gets the tokens that it would get alone. One thread at a time,
/// except <see cref="Release"/>.
/// </summary>
public sealed class EngineCore : IDisposable
{
    private readonly LlamaConfig _config;
    private readonly BatchRunner _runner;
    private readonly SequenceBlocks _blocks;
    private readonly IBlockAllocator _allocator;
    private readonly Scheduler _scheduler;
    private readonly StepBatch _batch = new();

    /// <summary>Creates an engine core.</summary>
    /// <param name="model">The model; the caller's, alive for longer than the core.</param>
    /// <param name="caches">One cache per rank, as <see cref="BatchRunner"/> takes them.</param>
    /// <param name="allocator">The blocks of these caches; the same ids on every rank.</param>
    /// <param name="options">How steps are filled.</param>
    /// <exception cref="ArgumentException">Caches, model and options do not fit.</exception>
    public EngineCore(LlamaModel model, IReadOnlyList<PagedKvCache> caches, IBlockAllocator allocator, EngineCoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(caches);
        ArgumentNullException.ThrowIfNull(allocator);
        options ??= new EngineCoreOptions();
        options.Validate();
        _runner = new BatchRunner(model, caches, options.StepTokens, options.MaxSequences, options.RankTimeout);
        if (allocator.Total > caches[0].Blocks)
        {
            _runner.Dispose();
            throw new ArgumentException($"{allocator.Total} blocks are handed out; the caches have {caches[0].Blocks}.", nameof(allocator));
        }
        _config = model.Config;
        _allocator = allocator;
        _blocks = new SequenceBlocks(allocator, caches, options.PrefixCache);
        _scheduler = new Scheduler(options, _blocks);
    }

    /// <summary>Tokens that went through the model since the start.</summary>
    public long TokensComputed => _runner.TokensComputed;

    /// <summary>Sequences without blocks.</summary>
    public int Waiting => _scheduler.Waiting;

    /// <summary>Sequences that take part in steps.</summary>
    public int Running => _scheduler.Running;

    /// <summary>Sequences whose prompt is under way.</summary>
    public int Reserved => _scheduler.Reserved;

    /// <summary>Adds a sequence behind those that wait.</summary>
    /// <exception cref="ArgumentException">It can never be computed: the message has the numbers.</exception>
    public Sequence Add(SequenceSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Prompt.Count < 1) throw new ArgumentException($"'{spec.Id}' has no prompt tokens; at least 1.");
        foreach (var token in spec.Prompt)
            if ((uint)token >= (uint)_config.VocabularySize) throw new ArgumentException($"'{spec.Id}' has token {token}; the vocabulary has {_config.VocabularySize}.");
        if (spec.MaxNewTokens < 1) throw new ArgumentException($"'{spec.Id}' asks for {spec.MaxNewTokens} new tokens; at least 1.");
        var sequence = new Sequence(spec);
        var positions = (long)spec.Prompt.Count + spec.MaxNewTokens - 1;
        if (positions > _config.MaxPositions)
            throw new ArgumentException($"'{spec.Id}' has {spec.Prompt.Count} prompt tokens and {spec.MaxNewTokens} new ones; the model was made for {_config.MaxPositions} positions.");
        if (_blocks.BlocksFor((int)positions) > _allocator.Total)
            throw new ArgumentException($"'{spec.Id}' has {positions} positions, which need {_blocks.BlocksFor((int)positions)} blocks; the pool has {_allocator.Total}.");
        _scheduler.Add(sequence);
        return sequence;
    }

    /// <summary>Computes one step; at once back with <see cref="StepResult.IsIdle"/> if there is nothing to do.</summary>
    /// <exception cref="OperationCanceledException">Cancelled before the step began; the next one goes on.</exception>
    /// <exception cref="InvalidOperationException">A rank failed; the core cannot be used any more.</exception>
    public StepResult Step(CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var schedule = _scheduler.Next();
        List<SequenceOutput> outputs = [];
        List<Sequence> failed = [];
        if (schedule.Chunks.Count > 0)
        {
            _batch.Clear();
            int[] rows = [.. schedule.Chunks.Select(chunk => _batch.Add(
                chunk.Sequence.Tokens.Slice(chunk.Sequence.ComputedTokens, chunk.Tokens), chunk.Sequence.ComputedTokens, chunk.Sequence.Blocks,
                wantsLogits: chunk.Tokens == chunk.Sequence.PendingTokens))];
            _runner.Run(_batch, CancellationToken.None);
            for (var i = 0; i < rows.Length; i++)
            {
                var (sequence, count) = schedule.Chunks[i];
                sequence.ComputedTokens += count;
                if (rows[i] >= 0) Sample(sequence, rows[i], outputs, failed);
            }
        }
        return new StepResult(schedule.Chunks.Sum(chunk => chunk.Tokens), schedule.Admitted, schedule.Preempted, outputs, failed);
    }

    /// <summary>The blocks of a reserved sequence hold its whole prompt, and this is the first token of its answer. It takes part in steps from now on.</summary>
    /// <exception cref="InvalidOperationException">It is not reserved.</exception>
    public void Arrived(Sequence sequence, int firstToken)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.State != SequenceState.Reserved) throw new InvalidOperationException($"'{sequence.Spec.Id}' is {sequence.State}, not reserved.");
        if ((uint)firstToken >= (uint)_config.VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(firstToken), $"Token {firstToken} of '{sequence.Spec.Id}'; the vocabulary has {_config.VocabularySize}.");
        sequence.ComputedTokens = sequence.Spec.Prompt.Count;
        _scheduler.Start(sequence);
        Append(sequence, firstToken);
    }

    /// <summary>
    /// Ends a sequence between two steps. Its blocks are free at once, unless they are being written from elsewhere: those of a reserved
    /// sequence stay its own until <see cref="Release"/>, by whoever knows that nothing writes them any more.
    /// </summary>
    /// <returns>False if it had ended already.</returns>
    public bool Abort(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.State == SequenceState.Finished) return false;
        Finish(sequence, FinishReason.Aborted, keepBlocks: sequence.State == SequenceState.Reserved);
        return true;
    }

    /// <summary>Gives back the blocks of a sequence that has ended with them. Safe from any thread; once it is done nothing happens.</summary>
    /// <exception cref="InvalidOperationException">The sequence has not ended.</exception>
    public void Release(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.State != SequenceState.Finished) throw new InvalidOperationException($"'{sequence.Spec.Id}' is {sequence.State}; only a finished sequence's blocks are given back.");
        _blocks.Release(sequence);
    }

    /// <inheritdoc/>
    public void Dispose() => _runner.Dispose();

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
        if (!keepBlocks) _blocks.Release(sequence);
    }
}
