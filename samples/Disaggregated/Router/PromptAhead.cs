using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A prompt that is sent to its prefill engine at the same time as the request to the decode engine that will ask for it. So its computing does not wait
/// until the decode engine has blocks for it, nor the first token until the cache is there.
/// <code>
///            ┌──→ prefill engine: computes at once ──first token──→ told, unless the decode engine was faster
/// router ────┤           ▲ asks for the prompt
///            └──→ decode engine: reserves blocks ──events, tokens──→ told, the first one only if it is not
/// </code>
/// If it comes to nothing, nothing is lost: then the decode engine's question is the first that its prefill engine hears of it.
/// </summary>
internal sealed class PromptAhead : IAsyncDisposable
{
    private readonly CancellationTokenSource _giveUp;
    private readonly TaskCompletionSource<int> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;
    private int _claimed;

    /// <param name="prefill">The prefill engine.</param>
    /// <param name="request">The prompt.</param>
    /// <param name="tell">Tells the first token, on the thread that has read it. Not called any more after <see cref="SettleAsync"/> or <see cref="DisposeAsync"/>.</param>
    /// <param name="logger">Told why it came to nothing.</param>
    /// <param name="cancellation">Nobody wants it any more.</param>
    internal PromptAhead(EngineClient prefill, PrefillRequest request, Action<FirstTokenEvent> tell, ILogger logger, CancellationToken cancellation)
    {
        _giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _running = RunAsync(prefill, request, tell, logger, _giveUp.Token);
    }

    /// <summary>The prompt is computed elsewhere: its prefill engine gives it up, unless it was asked for it.</summary>
    internal void GiveUp() => _giveUp.Cancel();

    /// <summary>The decode engine has a first token.</summary>
    /// <returns>The one that was told already, or null: then none is told from here any more.</returns>
    internal async ValueTask<int?> SettleAsync() => Interlocked.Exchange(ref _claimed, 1) == 0 ? null : await _told.Task;

    /// <summary>Gives it up, and waits until nothing is told any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _giveUp.CancelAsync();
        await _running;
        _giveUp.Dispose();
    }

    private async Task RunAsync(EngineClient prefill, PrefillRequest request, Action<FirstTokenEvent> tell, ILogger logger, CancellationToken cancellation)
    {
        try
        {
            using var answer = await prefill.BeginAsync(request, cancellation);
            await foreach (var happened in EngineClient.ReadEventsAsync(answer, cancellation))
            {
                if (happened is FirstTokenEvent first && Interlocked.Exchange(ref _claimed, 1) == 0)
                {
                    tell(first);
                    _told.SetResult(first.Token);
                }
                if (happened is FailedEvent failed) logger.LogInformation("{Request}: the prompt was sent ahead in vain: {Problem}", request.Name, failed.Error);
            }
        }
        catch (Exception e) when (e is EngineRefusedException or EngineUnreachableException or OperationCanceledException)
        {
            if (!cancellation.IsCancellationRequested) logger.LogInformation("{Request}: the prompt could not be sent ahead: {Problem}", request.Name, e.Message);
        }
    }
}
