using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What both engines share: says "ready", reads the driver's messages, stops when told to or when the driver is gone. Steps are
/// computed on a task of their own, so that a message is never kept waiting by the model; what happens reaches it as events.
/// </summary>
internal abstract class EngineService : BackgroundService
{
    /// <summary>Why a sequence failed whose logits were no numbers.</summary>
    protected const string NotNumbers = "The logits are not numbers: a block of the request's cache was read that was not written.";

    private readonly IHostApplicationLifetime _lifetime;

    protected EngineService(EngineContext context, IHostApplicationLifetime lifetime, ILogger logger)
    {
        (Context, _lifetime, Logger) = (context, lifetime, logger);
        Blocks = new BlockPool((int)context.Pool.Blocks, new BlockPoolOptions { Name = context.Agent.Name, Owner = new PeerIdentity(context.Agent.Name, context.Agent.Incarnation) });
        BlockOrder.Shuffle(Blocks, context.Options.Seed);
        Cache = PoolCache.Over(context.Pool, context.Model.Config);
        // Without the prefix cache: the demo holds every token that was computed against every token of its prompts.
        Core = new EngineCore(context.Model.Model, [Cache], [Blocks], new BlockHasher(context.Model.Identity, Cache.BlockTokens), new EngineCoreOptions { PrefixCache = false });
    }

    protected EngineContext Context { get; }

    protected ILogger Logger { get; }

    /// <summary>The cache over the pool.</summary>
    protected PagedKvCache Cache { get; }

    /// <summary>Who has which block.</summary>
    protected BlockPool Blocks { get; }

    /// <summary>Sequences, scheduler and model over the cache. Used by the compute task only.</summary>
    protected EngineCore Core { get; }

    /// <summary>What happens outside of the compute task.</summary>
    protected Channel<object> Events { get; } = Channel.CreateUnbounded<object>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Blocks that can be reserved now.</summary>
    private int FreeBlocks => Blocks.Snapshot() is var now ? now.Free + now.Cached : 0;

    /// <summary>Acts on a message; called for one after the other.</summary>
    protected abstract ValueTask HandleAsync(EngineMessage message, CancellationToken cancellation);

    /// <summary>The engine's own work, until cancelled.</summary>
    protected abstract Task ComputeAsync(CancellationToken cancellation);

    /// <summary>Acts on an event, on the compute task.</summary>
    protected abstract ValueTask OnEventAsync(object happened, CancellationToken cancellation);

    /// <summary>Acts on what a step did that began at the timestamp <paramref name="started"/>, on the compute task.</summary>
    protected abstract ValueTask OnStepAsync(StepResult result, long started, CancellationToken cancellation);

    /// <summary>Tokens of prompts that this engine computed itself.</summary>
    protected abstract long PromptTokensComputed { get; }

    /// <summary>The compute task: steps as long as there is something to compute, events in between.</summary>
    protected async Task RunStepsAsync(CancellationToken cancellation)
    {
        var idle = true;
        while (true)
        {
            if (idle) await OnEventAsync(await Events.Reader.ReadAsync(cancellation), cancellation);
            while (Events.Reader.TryRead(out var next)) await OnEventAsync(next, cancellation);
            var started = Stopwatch.GetTimestamp();
            var result = Core.Step(cancellation);
            idle = result.IsIdle;
            await OnStepAsync(result, started, cancellation);
        }
    }

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
        Core.Dispose();
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
                        Core.TokensComputed, PromptTokensComputed, FreeBlocks, counters.WrittenBytes, counters.Transfers, counters.Failures,
                        counters.NotificationsSent, counters.NotificationsReceived), cancellation);
                continue;
            }
            await HandleAsync(message, cancellation);
        }
        Logger.LogInformation("The driver has ended; so does {Agent}", Context.Agent.Name);
    }
}
