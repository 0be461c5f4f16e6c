namespace Nixl.Sdk.Bench.Processes;

/// <summary>Reads and drops notifications in the background, so that the sender has credits.</summary>
internal sealed class Drain : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    public Drain(NixlAgent agent) => _running = Task.Run(() => RunAsync(agent, _stop.Token));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private static async Task RunAsync(NixlAgent agent, CancellationToken token)
    {
        var payload = new byte[NixlAgent.MaxNotificationBytes];
        do
        {
            while (agent.TryReadNotification(payload, out _))
            {
            }
        }
        while (await agent.WaitForNotificationAsync(token));
    }
}
