using System.Net.Http.Json;
using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Keeps an engine known to its router: says "I am there" every second, with back-off while nobody answers, and takes leave at the end.</summary>
internal sealed class RouterLink : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1), LongestBackOff = TimeSpan.FromSeconds(2), Patience = TimeSpan.FromSeconds(2);

    private readonly HttpClient _http;
    private readonly EngineAnnouncement _engine;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    internal RouterLink(Uri router, EngineAnnouncement engine, ILogger logger)
    {
        (_engine, _logger) = (engine, logger);
        _http = new HttpClient { BaseAddress = router, Timeout = Patience };
        _loop = Task.Run(AnnounceAsync);
    }

    private async Task AnnounceAsync()
    {
        var (pause, said) = (Interval, "");
        while (!_stop.IsCancellationRequested)
        {
            var problem = await TryAnnounceAsync();
            // Said when it changes, not every second.
            if (problem != said)
            {
                if (problem.Length == 0) _logger.LogInformation("{Engine} has joined {Router}", _engine.Name, _http.BaseAddress);
                else _logger.LogWarning("{Engine} has not joined {Router}: {Problem}", _engine.Name, _http.BaseAddress, problem);
                said = problem;
            }
            pause = problem.Length == 0 ? Interval : TimeSpan.FromTicks(Math.Min(pause.Ticks * 3 / 2, LongestBackOff.Ticks));
            await Task.Delay(pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What is in the way; empty for nothing.</summary>
    private async Task<string> TryAnnounceAsync()
    {
        try
        {
            using var answer = await _http.PostAsJsonAsync("/workers", _engine, ContractJson.Default.EngineAnnouncement, _stop.Token);
            if (answer.IsSuccessStatusCode) return "";
            return $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(_stop.Token)}";
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return e is HttpRequestException ? e.Message : $"no answer within {Patience.TotalSeconds} s";
        }
    }

    /// <summary>Says nothing any more, not even farewell.</summary>
    internal async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _loop;
    }

    /// <summary>Takes leave, if the router is there to hear it.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        try
        {
            using var answer = await _http.DeleteAsync($"/workers/{_engine.Name}?incarnation={Uri.EscapeDataString(_engine.Incarnation)}");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            _logger.LogInformation("{Engine} could not take leave of its router: {Problem}", _engine.Name, e.Message);
        }
        _http.Dispose();
        _stop.Dispose();
    }
}
