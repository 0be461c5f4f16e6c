using Microsoft.Extensions.Logging;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// A prompt that is sent to its prefill engine at the same time as the request to the decode engine that will ask for it. So its computing does not wait
/// until the decode engine has blocks for it, nor the first token until the cache is there.
/// <code>
///            ┌──→ prefill engine: computes at once ──first token──→ told, once the decode engine has taken the request and unless it was faster
/// router ────┤           ▲ asks for the prompt
///            └──→ decode engine: reserves blocks ──events, tokens──→ told, the first one only if it is not
/// </code>
/// If it comes to nothing, nothing is lost: then the decode engine's question is the first that its prefill engine hears of it.
/// </summary>
internal sealed class PromptAhead : IAsyncDisposable
{
    private readonly CancellationTokenSource _giveUp;
    private readonly TaskCompletionSource _taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<FirstTokenEvent> _tell;
    private readonly ILogger _logger;
    private readonly Task _running;
    private bool _isClaimed;

    /// <param name="prefill">The prefill engine.</param>
    /// <param name="request">The prompt.</param>
    /// <param name="tell">Tells the first token, on the thread that has read it. Not called any more after <see cref="SettleAsync"/> or <see cref="DisposeAsync"/>.</param>
    /// <param name="logger">Told why it came to nothing.</param>
    /// <param name="cancellation">Nobody wants it any more.</param>
    internal PromptAhead(EngineClient prefill, PrefillRequest request, Action<FirstTokenEvent> tell, ILogger logger, CancellationToken cancellation)
    {
        (_tell, _logger) = (tell, logger);
        _giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _running = RunAsync(prefill, request, _giveUp.Token);
    }

    /// <summary>The decode engine has taken the request: before, it may still be refused, and its client told nothing.</summary>
    internal void Taken() => _taken.TrySetResult();

    /// <summary>The prompt is computed elsewhere: its prefill engine gives it up, unless it was asked for it.</summary>
    internal void GiveUp() => _giveUp.Cancel();

    /// <summary>The decode engine has a first token.</summary>
    /// <returns>The one that was told already, or null: then none is told from here any more.</returns>
    internal async ValueTask<int?> SettleAsync(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _isClaimed, true)) return await _told.Task.WaitAsync(cancellation);
        GiveUp(); // if it is still on its way there, nobody will ask for it
        return null;
    }

    /// <summary>Gives it up, and waits until nothing is told any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _giveUp.CancelAsync();
        await _running;
        _giveUp.Dispose();
    }

    private async Task RunAsync(EngineClient prefill, PrefillRequest request, CancellationToken cancellation)
    {
        try
        {
            using var answer = await prefill.BeginAsync(request, cancellation);
            await foreach (var happened in EngineClient.ReadEventsAsync(answer, cancellation))
            {
                if (happened is FirstTokenEvent first) await TellAsync(first, cancellation);
                if (happened is FailedEvent failed) _logger.LogInformation("{Request}: the prompt was sent ahead in vain: {Problem}", request.Name, failed.Error);
            }
        }
        catch (Exception e) when (cancellation.IsCancellationRequested || e is EngineRefusedException or EngineUnreachableException)
        {
            if (!cancellation.IsCancellationRequested) _logger.LogInformation("{Request}: the prompt could not be sent ahead: {Problem}", request.Name, e.Message);
        }
        catch (Exception e)
        {
            _logger.LogError(e, "{Request}: the prompt that was sent ahead failed", request.Name);
        }
    }

    private async Task TellAsync(FirstTokenEvent first, CancellationToken cancellation)
    {
        await _taken.Task.WaitAsync(cancellation);
        if (Interlocked.Exchange(ref _isClaimed, true)) return;
        try
        {
            _tell(first);
            _told.SetResult(first.Token);
        }
        catch (Exception e)
        {
            _told.SetException(e);
            throw;
        }
    }
}
