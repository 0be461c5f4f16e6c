using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>The engines of a router: who has joined, who is alive. Thread-safe.</summary>
internal sealed class WorkerRegistry(ILogger logger, LiveFeed feed) : IAsyncDisposable
{
    private const int Limit = 256;
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromSeconds(30);

    private const int ExitsKept = 256;
    private static readonly TimeSpan TellingTime = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<EngineAnnouncement> _exits = [];
    private readonly HttpClient _http = EngineClient.CreateHttp();
    private readonly Lock _lock = new();
    private readonly List<Worker> _workers = [];
    private Worker[] _snapshot = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _peersVersion;

    /// <summary>All that are known, the dead ones as well, by name.</summary>
    internal Worker[] Workers => Volatile.Read(ref _snapshot);

    /// <summary>Another number each time that the list for the engines is another one.</summary>
    internal int PeersVersion => Volatile.Read(ref _peersVersion);

    /// <summary>Ends at the next change of any engine's state, or of the list.</summary>
    internal Task Changed
    {
        get
        {
            lock (_lock) return _changed.Task;
        }
    }

    /// <summary>The engines that are there, without one of them: what that one is to know.</summary>
    internal EngineAnnouncement[] PeersOf(Worker worker) =>
        [.. Workers.Where(other => other != worker && other.State is not (WorkerState.Dead or WorkerState.Gone)).Select(other => other.Announcement)];

    /// <summary>An engine says that it is there.</summary>
    /// <returns>Why it is refused; null if it is not.</returns>
    internal async Task<string?> JoinAsync(EngineAnnouncement announcement, CancellationToken cancellation)
    {
        var known = Find(announcement.Name);
        if (known is not null && known.Announcement.Incarnation == announcement.Incarnation && known.Announcement.Url == announcement.Url)
        {
            known.Announced();
            return null;
        }
        if (known is not null && await LivesAsync(known, cancellation))
            return $"{announcement.Name} is the name of a living engine, {known.Announcement.Url} (incarnation {known.Announcement.Incarnation}). Give each engine a name of its own.";
        return Add(announcement, known);
    }

    /// <summary>An engine takes leave.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="incarnation">If not null, it leaves only if it is this one.</param>
    internal bool Leave(string name, string? incarnation)
    {
        if (Find(name) is not { } worker || (incarnation is not null && worker.Announcement.Incarnation != incarnation)) return false;
        Remove(worker, "has left");
        return true;
    }

    /// <summary>An engine's process has ended, says who started it. The others are told, so that they need not keep blocks from it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="process">Its process: another life of the same name is not meant.</param>
    /// <param name="cancellation">Ends the telling.</param>
    /// <returns>False if that life is not known here, or still answers.</returns>
    internal async Task<bool> ExitedAsync(string name, int process, CancellationToken cancellation) =>
        Find(name) is { } worker && worker.Announcement.ProcessId == process && await ExitedAsync(worker.Announcement, cancellation);

    /// <summary>The same of an engine that this router need not know: it may have been started anew since the engine had joined.</summary>
    /// <returns>False if it still answers.</returns>
    internal async Task<bool> ExitedAsync(EngineAnnouncement exited, CancellationToken cancellation)
    {
        var known = Find(exited.Name) is { } worker && worker.Announcement.Incarnation == exited.Incarnation ? worker : null;
        // Believed, it would free blocks that a living engine still writes into.
        if (known is null ? await AnswersAsync(new EngineClient(_http, new Uri(exited.Url)), exited, cancellation) : await LivesAsync(known, cancellation)) return false;
        lock (_lock)
        {
            if (!_exits.Exists(other => other.Incarnation == exited.Incarnation))
            {
                if (_exits.Count == ExitsKept) _exits.RemoveAt(0);
                _exits.Add(exited);
            }
        }
        if (known is not null) Remove(known, "has exited");
        var telling = Task.WhenAll(Workers.Select(other => TellExitAsync(other, exited)));
        await telling.WaitAsync(TellingTime, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // who hangs is told later
        return true;
    }

    // One that hangs for the moment keeps blocks in quarantine until it has heard of it, so it is told until it has, or is forgotten.
    private async Task TellExitAsync(Worker other, EngineAnnouncement exited)
    {
        try
        {
            while (other.State != WorkerState.Gone)
            {
                try
                {
                    await other.Client.TellExitAsync(exited, _stop.Token);
                    return;
                }
                catch (EngineUnreachableException e)
                {
                    logger.LogDebug("{Engine} could not be told that {Exited} has exited: {Problem}", other.Name, exited.Name, e.Message);
                }
                await Task.Delay(TimeSpan.FromSeconds(1), _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The router stops.
        }
    }

    /// <summary>Finds the dead and those that are back, and forgets who has been dead for long.</summary>
    internal void Judge(TimeSpan limit)
    {
        foreach (var worker in Workers)
        {
            var silence = worker.Judge(limit);
            if (silence > limit + ForgetAfter) Remove(worker, $"is forgotten after {silence.TotalSeconds:F0} s of silence");
        }
    }

    internal void Forgive(TimeSpan pause)
    {
        foreach (var worker in Workers) worker.Forgive(pause);
    }

    private Worker? Find(string name) => Workers.FirstOrDefault(worker => worker.Name == name);

    // A restarted engine has another incarnation, and the old one does not answer any more. One that still does is another engine with its name.
    private static async Task<bool> LivesAsync(Worker known, CancellationToken cancellation) =>
        known.State != WorkerState.Dead && await AnswersAsync(known.Client, known.Announcement, cancellation);

    private static async Task<bool> AnswersAsync(EngineClient client, EngineAnnouncement life, CancellationToken cancellation)
    {
        try
        {
            var status = await client.GetStatusAsync(cancellation);
            return status.Name == life.Name && status.Incarnation == life.Incarnation;
        }
        catch (EngineUnreachableException)
        {
            return false;
        }
    }

    private string? Add(EngineAnnouncement announcement, Worker? instead)
    {
        Worker worker;
        EngineAnnouncement[] exits;
        lock (_lock)
        {
            // Somebody else may have joined under this name meanwhile; the next announcement, in a second, sorts it out.
            if (_workers.FirstOrDefault(other => other.Name == announcement.Name) is { } now && now != instead) return "Another engine has just joined under this name.";
            if (_workers.Count >= Limit) return $"The router has {Limit} engines, its limit.";
            var other = _workers.FirstOrDefault(other => other != instead && other.State != WorkerState.Dead && other.Announcement.Model != announcement.Model);
            if (other is not null)
                return $"Its model is {announcement.Model}; {other.Name} has {other.Announcement.Model}. The engines of a router have one model.";
            if (instead is not null) _workers.Remove(instead);
            worker = new Worker(announcement, new EngineClient(_http, new Uri(announcement.Url)), OnChange);
            _workers.Add(worker);
            exits = [.. _exits];
            Publish();
        }
        instead?.Leave("has been started anew");
        feed.Log(LogKind.Engine, $"{announcement.Name} ({announcement.Role.ToString().ToLowerInvariant()}) has {(instead is null ? "joined" : "joined again after a restart")}");
        logger.LogInformation("{Engine} has joined: {Url}, incarnation {Incarnation}", announcement.Name, announcement.Url, announcement.Incarnation);
        OnChange(worker);
        foreach (var exited in exits) _ = TellExitAsync(worker, exited); // it may have been away for so long that it was forgotten
        return null;
    }

    private void Remove(Worker worker, string reason)
    {
        lock (_lock)
        {
            if (!_workers.Remove(worker)) return;
            Publish();
        }
        worker.Leave(reason);
    }

    private void OnChange(Worker worker)
    {
        switch (worker.State)
        {
            case WorkerState.Gone: feed.Log(LogKind.Engine, $"{worker.Name} {worker.Problem}"); break;
            case WorkerState.Dead: feed.Log(LogKind.Failure, $"{worker.Name} is taken for dead: {worker.Problem}"); break;
            case WorkerState.Suspect: feed.Log(LogKind.Failure, $"{worker.Name} is suspect: {worker.Problem}"); break;
            case WorkerState.Alive: feed.Log(LogKind.Engine, $"{worker.Name} is alive"); break;
            default: break;
        }
        TaskCompletionSource changed;
        lock (_lock)
        {
            _peersVersion++;
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        changed.SetResult();
    }

    // Inside of the lock.
    private void Publish() => Volatile.Write(ref _snapshot, [.. _workers.OrderBy(worker => worker.Announcement.Role == EngineRole.Prefill ? 0 : 1).ThenBy(worker => worker.Name, StringComparer.Ordinal)]);

    public ValueTask DisposeAsync()
    {
        _stop.Cancel();
        foreach (var worker in Workers) worker.Leave("is left alone: the router stops");
        _http.Dispose();
        _stop.Dispose();
        return ValueTask.CompletedTask;
    }
}
