using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What both engines share: says "ready", reads the driver's messages, stops when told to or when the driver is gone. The
/// subclasses compute on a task of their own, so that a message is never kept waiting by the model.
/// </summary>
internal abstract class EngineService : BackgroundService
{
    private readonly IHostApplicationLifetime _lifetime;

    protected EngineService(EngineContext context, IHostApplicationLifetime lifetime, ILogger logger)
    {
        (Context, _lifetime, Logger) = (context, lifetime, logger);
        Blocks = new WaitingAllocator((int)context.Pool.Blocks, context.Options.Seed);
        Cache = PoolCache.Over(context.Pool, context.Model.Config);
        Runner = new LlamaRunner(context.Model.Model, Cache);
    }

    protected EngineContext Context { get; }

    protected ILogger Logger { get; }

    /// <summary>The pool's free blocks.</summary>
    protected WaitingAllocator Blocks { get; }

    /// <summary>The cache over the pool.</summary>
    protected PagedKvCache Cache { get; }

    /// <summary>The model over the cache. Used by the compute task only.</summary>
    protected LlamaRunner Runner { get; }

    /// <summary>Acts on a message; called for one after the other.</summary>
    protected abstract ValueTask HandleAsync(EngineMessage message, CancellationToken cancellation);

    /// <summary>The engine's own work, until cancelled.</summary>
    protected abstract Task ComputeAsync(CancellationToken cancellation);

    /// <summary>Tokens of prompts that this engine computed itself.</summary>
    protected abstract long PromptTokensComputed { get; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        try
        {
            // A poisoned pool: what is read without having been written is not a number, and noticed.
            for (var block = 0; block < Cache.Blocks; block++) Cache.Poison(block);
            var endpoint = Context.Exchange.Endpoint ?? throw new InvalidOperationException("The metadata exchange does not listen.");
            await Context.Channel.SendAsync(
                new ReadyMessage(
                    Context.Agent.Name, Environment.ProcessId, endpoint.Address.ToString(), endpoint.Port,
                    Context.Pool.Fingerprint.ToString()!, Context.Pool.Blocks), stoppingToken);
            var compute = Task.Run(() => ComputeAsync(ending.Token), ending.Token);
            var messages = ReadMessagesAsync(ending.Token);
            var first = await Task.WhenAny(compute, messages);
            await ending.CancelAsync();
            // The pool's memory goes away after this method: whatever happened, nobody computes on it then.
            await compute.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await (compute.IsFaulted ? compute : first);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            // Told to stop.
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Logger.LogError(e, "Engine {Agent} failed", Context.Agent.Name);
            await TrySendAsync(new FailedMessage(null, e.Message));
            Environment.ExitCode = 1;
        }
        finally
        {
            _lifetime.StopApplication();
        }
    }

    public override void Dispose()
    {
        Runner.Dispose();
        Blocks.Dispose();
        base.Dispose();
    }

    protected async Task TrySendAsync(EngineMessage message)
    {
        try
        {
            await Context.Channel.SendAsync(message, CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Logger.LogDebug(e, "The driver is gone");
        }
    }

    private async Task ReadMessagesAsync(CancellationToken cancellation)
    {
        await Task.Yield();
        while (await Context.Channel.ReceiveAsync(cancellation) is { } message)
        {
            if (message is StopMessage) return;
            if (message is AskStatisticsMessage)
            {
                var counters = Context.Agent.GetCounters(Context.Options.Transport);
                await Context.Channel.SendAsync(
                    new StatisticsMessage(
                        Runner.TokensComputed, PromptTokensComputed, Blocks.Free, counters.WrittenBytes, counters.Transfers, counters.Failures,
                        counters.NotificationsSent, counters.NotificationsReceived), cancellation);
                continue;
            }
            await HandleAsync(message, cancellation);
        }
        Logger.LogInformation("The driver has ended; so does {Agent}", Context.Agent.Name);
    }
}
