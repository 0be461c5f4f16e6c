using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

// What it takes, what it refuses, and what it says about itself.
internal sealed partial class ServingEngine
{
    /// <inheritdoc/>
    public EngineStatus GetStatus()
    {
        bool draining;
        int total;
        lock (_lock) (draining, total) = (_draining, _requests.Count);
        var (waiting, running) = Loop.Load;
        return new EngineStatus
        {
            Name = Options.Name,
            Role = Options.Role,
            Incarnation = Announcement.Incarnation,
            ProcessId = Environment.ProcessId,
            Ready = !draining && Loop.Failure is null,
            Draining = draining,
            TensorParallel = Options.TensorParallel,
            BlockTokens = BlockTokens,
            Queue = new EngineQueue(waiting, running, Math.Max(0, total - waiting - running), Options.MaxQueue),
            Blocks = Count(Ranks[0].Blocks),
            BlocksOfOtherRanks = [.. Ranks.Skip(1).Select(rank => Count(rank.Blocks))],
            Quarantine = [.. Ranks.SelectMany(rank => rank.Blocks.GetQuarantine()).Select(entry => new EngineQuarantine(entry.Peer.ToString(), entry.Blocks, entry.Age.TotalMilliseconds))],
            Peers = Peers.Report(),
            Prefills = new Dictionary<string, long>(Counters.Prefills),
            PromptTokensComputed = Interlocked.Read(ref Counters.PromptTokensComputed),
            TokensGenerated = Interlocked.Read(ref Counters.TokensGenerated),
            RequestsFinished = Interlocked.Read(ref Counters.RequestsFinished),
            RequestsFailed = Interlocked.Read(ref Counters.RequestsFailed),
            RequestsAborted = Interlocked.Read(ref Counters.RequestsAborted),
            Failovers = Interlocked.Read(ref Counters.Failovers),
        };
    }

    private static EngineBlocks Count(BlockPool pool)
    {
        var blocks = pool.Snapshot();
        return new EngineBlocks(
            blocks.Blocks, blocks.Free + blocks.Cached, blocks.Cached, blocks.Reserved, blocks.InFlight, blocks.Quiesced, blocks.Ready, blocks.Quarantined);
    }

    /// <summary>Takes a request, or says why not.</summary>
    /// <param name="work">Begins it, on the calling thread as far as it does not wait; told how many are before it. Completes when nothing is left of it.</param>
    /// <exception cref="EngineBusyException">Not now.</exception>
    private Task Enter(Func<int, Task> work)
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int before;
        lock (_lock)
        {
            if (Loop.Failure is { } failure) throw new EngineBusyException(false, $"Engine {Options.Name} computes no more: {failure.Message}");
            if (_draining) throw new EngineBusyException(false, $"Engine {Options.Name} takes no more requests: it leaves.");
            if (_requests.Count >= Options.MaxQueue) throw new EngineBusyException(true, $"Engine {Options.Name} has {_requests.Count} requests; it takes {Options.MaxQueue}.");
            before = _requests.Count;
            _requests.Add(left.Task);
        }
        return WorkAsync();

        async Task WorkAsync()
        {
            try
            {
                await work(before);
            }
            finally
            {
                lock (_lock) _requests.Remove(left.Task);
                left.SetResult();
            }
        }
    }

    /// <summary>Takes what decode engines ask of one rank.</summary>
    private async Task ReadAsync(int index, EngineAgent rank)
    {
        try
        {
            await foreach (var push in rank.Producer!.ReadRequestsAsync(_stopping.Token)) await _gather.AddAsync(index, push);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The engine ends, or computes no more and is still connected.
            rank.Producer!.Dispose(); // whoever asks now is refused at once
        }
    }

    /// <summary>All parts of a decode engine's question are there.</summary>
    private async Task PrefillAsync(string name, PromptMessage message, IReadOnlyList<(int Rank, KvPush Push)> pushes)
    {
        var own = NewWork(name, message.Prompt);
        own.TryJoin(pushes); // before others find it
        var known = _ahead.GetOrAdd(message.Ahead, () => own, idle: false);
        if (known != own && known.IsOf(message.Prompt) && known.TryJoin(pushes)) return;
        try
        {
            await BeginAsync(message.Ahead, own, Options.Timeout);
        }
        catch (EngineBusyException)
        {
            // The decode engine has been told.
        }
    }

    private PrefillWork NewWork(string name, int[] prompt) => new(name, NextOrder(), prompt, Options, Loop, Counters);

    /// <summary>Begins a work; it ends by itself.</summary>
    /// <param name="ahead">The name under which it is found; it is not any more when it has ended.</param>
    /// <param name="work">The work.</param>
    /// <param name="patience">How long it waits for a decode engine to ask.</param>
    /// <exception cref="EngineBusyException">Not now; who wants it has been told so.</exception>
    private async Task BeginAsync(string ahead, PrefillWork work, TimeSpan patience)
    {
        try
        {
            _ = Enter(_ => RunAsync(ahead, work, patience));
        }
        catch (EngineBusyException e)
        {
            _ahead.Remove(ahead, work);
            await work.RefuseAsync(e.Message);
            throw;
        }
    }

    private async Task RunAsync(string ahead, PrefillWork work, TimeSpan patience)
    {
        var done = await work.RunAsync(patience, _stopping.Token);
        _ahead.Remove(ahead, work);
        if (work.Pushes is not [var (_, first), ..] pushes)
        {
            EngineCounters.Add(ref Counters.RequestsAborted);
            return;
        }
        EngineCounters.Add(ref done ? ref Counters.RequestsFinished : ref Counters.RequestsFailed);
        if (Peers.Find(PromptMessage.Parse(first.Payload.Span).Engine) is not { } peer) return;
        // Each pair moves one part of so many.
        if (done) peer.HandedOver(pushes.Sum(pair => (long)pair.Push.CountWanted()) * KjvBytesKv.BytesPerBlock / pushes.Count);
        else peer.Failed();
    }
}
