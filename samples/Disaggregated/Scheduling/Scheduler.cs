namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Decides what a step computes. Running answers come first, a token each; if one has no place for it, the sequence that was admitted last
/// gives up its blocks and is computed again later. What is left of the step goes to chunks of prompts, first come first served; then
/// waiting sequences are admitted as far as blocks allow, none before one that came earlier.
/// </summary>
internal sealed class Scheduler(EngineCoreOptions options, SequenceBlocks blocks)
{
    private readonly LinkedList<Sequence> _waiting = new();
    private readonly LinkedList<Sequence> _arrived = new();
    private readonly List<Sequence> _running = []; // in the order of their admission

    internal int Waiting => _waiting.Count;

    internal int Running => _running.Count + _arrived.Count;

    /// <summary>Tokens of prompts that are still to be computed; what waiting ones will find cached is in it.</summary>
    internal long QueuedTokens => _waiting.Sum(sequence => (long)sequence.PendingTokens) + _running.Sum(sequence => sequence.PendingTokens > 1 ? (long)sequence.PendingTokens : 0);

    /// <summary>Who waits for blocks and is the next to get some; null if nobody lacks any.</summary>
    internal Sequence? ShortOfBlocks { get; private set; }

    internal void Add(Sequence sequence) => _waiting.AddLast(sequence);

    /// <summary>It has its blocks already.</summary>
    internal void AddArrived(Sequence sequence)
    {
        sequence.State = SequenceState.Arrived;
        _arrived.AddLast(sequence);
    }

    /// <summary>Takes a sequence out, wherever it is.</summary>
    internal void Remove(Sequence sequence)
    {
        switch (sequence.State)
        {
            case SequenceState.Waiting: _waiting.Remove(sequence); break;
            case SequenceState.Arrived: _arrived.Remove(sequence); break;
            case SequenceState.Running: _running.Remove(sequence); break;
        }
        sequence.State = SequenceState.Finished;
    }

    internal Schedule Next()
    {
        var schedule = new Schedule(options.StepTokens);
        while (_running.Count < options.MaxSequences && _arrived.First is { Value: var arrived })
        {
            _arrived.RemoveFirst();
            arrived.State = SequenceState.Running;
            _running.Add(arrived);
        }
        for (var i = 0; i < _running.Count;) // loses members while it is walked: this one, or some behind it
        {
            var sequence = _running[i];
            if (sequence.PendingTokens > 1)
            {
                i++;
            }
            else if (MakeRoom(sequence, schedule))
            {
                schedule.Add(sequence, 1);
                i++;
            }
        }
        foreach (var sequence in _running)
            if (sequence.PendingTokens > 1) AddChunk(sequence, schedule);
        // What was just preempted would come back at once, and its blocks be missing again.
        if (schedule.Preempted.Count == 0) Admit(schedule);
        return schedule;
    }

    /// <summary>A place for one more token; false if the sequence itself had to give way.</summary>
    private bool MakeRoom(Sequence sequence, Schedule schedule)
    {
        while (!blocks.TryGrow(sequence, sequence.ComputedTokens + 1))
        {
            // The sequence itself can be preempted (a pinned one never grows), and none behind it is in the schedule yet.
            var victim = _running.FindLast(running => !running.IsPinned)!;
            _running.Remove(victim);
            victim.Reset();
            victim.State = SequenceState.Waiting;
            victim.Preemptions++;
            _waiting.AddFirst(victim);
            schedule.Preempted.Add(victim);
            if (victim == sequence) return false;
        }
        return true;
    }

    private void AddChunk(Sequence sequence, Schedule schedule)
    {
        var count = Math.Min(Math.Min(sequence.PendingTokens, options.ChunkTokens), schedule.Left);
        if (count > 0) schedule.Add(sequence, count);
    }

    private void Admit(Schedule schedule)
    {
        ShortOfBlocks = null;
        while (_waiting.First is { Value: var sequence } && _running.Count < options.MaxSequences && schedule.Left > 0)
        {
            // A block stays free for each answer that may still grow: taking it would only mean giving it back in a moment.
            if (!blocks.TryAdmit(sequence, keepFree: _running.Count(blocks.CanGrow)))
            {
                ShortOfBlocks = sequence;
                return;
            }
            _waiting.RemoveFirst();
            schedule.Admitted.Add(sequence);
            sequence.State = SequenceState.Running;
            _running.Add(sequence);
            AddChunk(sequence, schedule);
        }
    }
}
