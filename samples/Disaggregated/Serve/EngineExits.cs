using System.Net.Http.Json;
using System.Text.Json;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What only who starts processes knows for certain: that one has ended, so that what it could touch is free. Remembers which engine each process is
/// while it lives, and tells the router of each end until it has taken it; a router that was started anew, and forgot, is told of all of them. Thread-safe.
/// </summary>
/// <param name="router">The router's address, the same one in all its lives.</param>
internal sealed class EngineExits(Uri router) : IAsyncDisposable
{
    private const int Kept = 256;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5), Pause = TimeSpan.FromMilliseconds(300);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<int, EngineAnnouncement> _lives = [];
    private readonly List<EngineAnnouncement> _exits = []; // of all routers' lives: one of them may have died before it had told everybody
    private readonly List<Task> _telling = [];

    /// <summary>A process listens: asks which engine it is.</summary>
    /// <param name="process">Its id.</param>
    /// <param name="engine">Its address.</param>
    /// <param name="cancellation">Gives up.</param>
    internal async Task StartedAsync(int process, Uri engine, CancellationToken cancellation)
    {
        try
        {
            var announcement = await _http.GetFromJsonAsync(new Uri(engine, "/engine/announcement"), ContractJson.Default.EngineAnnouncement, cancellation);
            if (ContractCheck.WhyNot(announcement) is not null) return;
            lock (_lock) _lives[process] = announcement!;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // It has ended already, or hangs: its end is told with what is known of it, its name and its process.
        }
    }

    /// <summary>A process has ended, and somebody has waited for it. Returns when the router was asked once; if it did not answer, it is asked again in the background.</summary>
    internal async Task ExitedAsync(string name, int process, CancellationToken cancellation)
    {
        EngineAnnouncement? engine;
        lock (_lock)
        {
            if (_lives.Remove(process, out engine))
            {
                if (_exits.Count == Kept) _exits.RemoveAt(0);
                _exits.Add(engine);
            }
        }
        var path = engine is null ? $"/workers/{name}/exited?process={process}" : PathOf(engine);
        if (!await TryTellAsync(path, engine, cancellation)) Tell(path, engine);
    }

    /// <summary>The router was started anew.</summary>
    internal void RouterIsNew()
    {
        EngineAnnouncement[] exits;
        lock (_lock) exits = [.. _exits];
        foreach (var engine in exits) Tell(PathOf(engine), engine);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task[] telling;
        lock (_lock) telling = [.. _telling];
        await Task.WhenAll(telling);
        _http.Dispose();
        _stop.Dispose();
    }

    private static string PathOf(EngineAnnouncement engine) => $"/workers/{engine.Name}/exited";

    private void Tell(string path, EngineAnnouncement? engine)
    {
        lock (_lock)
        {
            if (_stop.IsCancellationRequested) return;
            _telling.RemoveAll(task => task.IsCompleted);
            _telling.Add(Task.Run(() => TellAsync(path, engine)));
        }
    }

    private async Task TellAsync(string path, EngineAnnouncement? engine)
    {
        while (!_stop.IsCancellationRequested && !await TryTellAsync(path, engine, _stop.Token))
            await Task.Delay(Pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <returns>False if the router did not answer, or failed at it.</returns>
    private async Task<bool> TryTellAsync(string path, EngineAnnouncement? engine, CancellationToken cancellation)
    {
        using HttpContent body = engine is null ? new StringContent("", null, "application/json") : JsonContent.Create(engine, ContractJson.Default.EngineAnnouncement);
        try
        {
            using var answer = await _http.PostAsync(new Uri(router, path), body, cancellation);
            return (int)answer.StatusCode < 500;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }
}
