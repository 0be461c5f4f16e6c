using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Hands prompts over between two small engines in this process, before the real one starts: else the first request waits until all code on its way is
/// compiled, 0.3 s and more. No other engine sees it, and nothing of it is in the real engine's counters or caches.
/// </summary>
internal static class Rehearsal
{
    private const int Blocks = 16, PromptTokens = 40, Rounds = 3;

    /// <summary>Runs it. If it cannot be run that is logged, and only the first request is the worse for it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="timeout">Of the whole.</param>
    /// <param name="logger">Told how long it took, or why there was none.</param>
    /// <param name="cancellation">Ends the start of the engine.</param>
    internal static async Task RunAsync(ModelHandle model, TimeSpan timeout, ILogger logger, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        try
        {
            deadline.Token.ThrowIfCancellationRequested();
            await PlayAsync(model, timeout, deadline.Token);
            logger.LogInformation("Warm after {Time} ms", (int)Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested && e is NixlException or InvalidOperationException or ArgumentException or IOException or OperationCanceledException)
        {
            logger.LogWarning("The way of a request could not be warmed up, so that the first one takes longer: {Problem}", e.Message);
        }
    }

    private static async Task PlayAsync(ModelHandle model, TimeSpan timeout, CancellationToken cancellation)
    {
        await using var prefill = await ServingEngine.StartAsync(Of("rehearsal-prefill", EngineRole.Prefill), model, cancellation);
        await using var decode = await ServingEngine.StartAsync(Of("rehearsal-decode", EngineRole.Decode), model, cancellation);
        prefill.SetPeers([decode.Announcement]);
        decode.SetPeers([prefill.Announcement]);
        while (decode.GetStatus().Peers is not [{ State: "connected" }]) await Task.Delay(5, cancellation);
        for (var round = 0; round < Rounds; round++)
        {
            var prompt = Enumerable.Range(round, PromptTokens).Select(token => token % model.Config.VocabularySize).ToArray();
            var request = new GenerateRequest($"rehearsal-{round}", prompt, MaxTokens: 4) { Prefill = [prefill.Options.Name], Ahead = $"{round}", TimeoutSeconds = timeout.TotalSeconds };
            using var answered = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var ahead = SendAheadAsync(prefill, new PrefillRequest(request.Ahead, prompt), answered.Token);
            await foreach (var happened in decode.GenerateAsync(request, cancellation))
            {
                JsonSerializer.Serialize(happened, ContractJson.Default.EngineEvent);
                if (happened is FailedEvent failed) throw new InvalidOperationException(failed.Error);
            }
            await answered.CancelAsync();
            await ahead.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        static async Task SendAheadAsync(ServingEngine prefill, PrefillRequest request, CancellationToken cancellation)
        {
            await foreach (var happened in prefill.PrefillAsync(request, cancellation)) JsonSerializer.Serialize(happened, ContractJson.Default.EngineEvent);
        }

        ServingEngineOptions Of(string name, EngineRole role) => new(name, role)
        {
            Transports = NixlTransports.Loopback, Blocks = Blocks, Timeout = timeout, Placement = KvAdvisorMode.AlwaysRemote,
        };
    }
}
