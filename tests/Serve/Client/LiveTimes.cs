using System.Collections.Concurrent;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Nixl.Sdk.Samples.Disaggregated;

namespace Nixl.Sdk.Serve;

/// <summary>Reads along what the router tells its live page: the time line of every request, by the router's name for it.</summary>
internal sealed class LiveTimes : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, LiveRequest> _requests = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    internal LiveTimes(ServeCluster cluster) => _loop = Task.Run(() => ReadAsync(cluster));

    /// <summary>What is known of a request; complete half a second after its end at the latest. Null: nothing.</summary>
    internal LiveRequest? Find(Answer answer) => _requests.GetValueOrDefault($"{answer.Id}-0");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task ReadAsync(ServeCluster cluster)
    {
        try
        {
            await using var stream = await cluster.EventsAsync(_stop.Token);
            await foreach (var item in SseParser.Create(stream, (_, data) => data.ToArray()).EnumerateAsync(_stop.Token))
                foreach (var request in JsonSerializer.Deserialize(item.Data, LiveJson.Default.LiveFrame)?.Requests ?? [])
                    _requests[request.Id] = request;
        }
        catch (Exception e) when (_stop.IsCancellationRequested && e is OperationCanceledException or IOException)
        {
            // Enough has been read.
        }
    }
}
