using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Asks every engine what it does, tells it who the others are, and notices who is silent. Three kinds of tasks, all of them end with it.</summary>
internal sealed class WorkerMonitor : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250), OwnPause = TimeSpan.FromSeconds(1), AtOnce = TimeSpan.FromMilliseconds(100);

    private readonly WorkerRegistry _registry;
    private readonly RouterOptions _options;
    private readonly LinkRates _rates;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<Worker, Task> _polls = [];
    private readonly Task _loop;

    internal WorkerMonitor(WorkerRegistry registry, RouterOptions options, LinkRates rates, ILogger logger)
    {
        (_registry, _options, _rates, _logger) = (registry, options, rates, logger);
        _loop = Task.Run(WatchAsync);
    }

    private async Task WatchAsync()
    {
        var last = Stopwatch.GetTimestamp();
        while (!_stop.IsCancellationRequested)
        {
            var changed = _registry.Changed;
            foreach (var worker in _registry.Workers) if (!_polls.ContainsKey(worker)) _polls.Add(worker, Task.Run(() => PollAsync(worker)));
            foreach (var (worker, poll) in _polls.ToArray()) if (poll.IsCompleted) _polls.Remove(worker);
            await Task.WhenAny(changed, Task.Delay(Tick, _stop.Token));
            // Who stood still himself (a suspended machine, a process without a processor) cannot say that others did.
            var pause = Stopwatch.GetElapsedTime(last) - Tick;
            last = Stopwatch.GetTimestamp();
            if (pause > OwnPause) _registry.Forgive(pause);
            _registry.Judge(_options.DeadAfter);
        }
        await Task.WhenAll(_polls.Values);
    }

    private async Task PollAsync(Worker worker)
    {
        var told = 0;
        while (!_stop.IsCancellationRequested && worker.State != WorkerState.Gone)
        {
            var changed = _registry.Changed;
            try
            {
                var ours = worker.Ours;
                var status = await worker.Client.GetStatusAsync(_stop.Token);
                if (status.Name != worker.Name || status.Incarnation != worker.Announcement.Incarnation)
                    throw new EngineUnreachableException($"{worker.Announcement.Url} is now {status.Name}, incarnation {status.Incarnation}");
                worker.Answered(status, ours);
                _rates.Add(status);
                var version = _registry.PeersVersion;
                if (told != version)
                {
                    await worker.Client.SetPeersAsync(_registry.PeersOf(worker), _stop.Token);
                    told = version;
                }
            }
            catch (EngineUnreachableException e)
            {
                _logger.LogInformation("{Engine}: {Problem}", worker.Name, e.Message);
                worker.Broke(e.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            // A change of the list is told at once, though not more often than ten times a second.
            await Task.Delay(AtOnce, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // Nothing is sent to an engine whose connection broke until it has answered: it is asked without pause, and over more than one connection
            // that lay ready and broke with the first.
            if (worker.State != WorkerState.Suspect) await Task.WhenAny(changed, Task.Delay(_options.Poll, _stop.Token));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }
}
