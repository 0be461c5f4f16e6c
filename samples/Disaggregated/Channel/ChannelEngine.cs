using Microsoft.Extensions.Logging;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>A serving engine that speaks with its driver over a channel: the demo's, in a process of its own or in this one.</summary>
internal sealed class ChannelEngine : IDisposable
{
    private readonly CancellationTokenSource _ending;
    private readonly ServingEngine _engine;
    private readonly EngineChannel _channel;
    private readonly EngineOptions _options;
    private readonly List<Task> _work = [];

    private ChannelEngine(ServingEngine engine, EngineChannel channel, EngineOptions options, CancellationToken cancellation)
    {
        (_engine, _channel, _options) = (engine, channel, options);
        _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    }

    /// <summary>Runs an engine until its driver says stop, or is gone.</summary>
    /// <param name="options">The engine.</param>
    /// <param name="model">Its model; the caller's.</param>
    /// <param name="channel">Where its driver is; the caller's.</param>
    /// <param name="verbose">Whether it logs more than warnings, to stderr.</param>
    /// <param name="onEnding">Called when it begins to stop.</param>
    /// <param name="fake">For tests: an in-process network instead of the native library.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="InvalidOperationException">The model does not fit the layout type.</exception>
    internal static async Task RunAsync(
        EngineOptions options, ModelHandle model, EngineChannel channel, bool verbose, Action? onEnding = null, FakeTransport? fake = null,
        CancellationToken cancellation = default)
    {
        using var logs = LoggerFactory.Create(logging =>
        {
            HttpServer.AddLogs(logging, verbose);
            // At the end one engine is gone before the other, which is nothing to be told of.
            if (!verbose) logging.AddFilter("Nixl.Sdk.NixlAgent", LogLevel.Error);
        });
        // Every prompt is computed by the prefill engine, and whole: the demo holds every token and byte against those of its prompts.
        var serving = new ServingEngineOptions(options.Agent, options.Role)
        {
            Transports = options.Transport, Blocks = options.Blocks, Seed = options.Seed, Timeout = options.Timeout, MaxQueue = 10_000,
            Core = new EngineCoreOptions { PrefixCache = false }, Placement = KvAdvisorMode.AlwaysRemote, LoggerFactory = logs, Fake = fake,
        };
        await using var engine = await ServingEngine.StartAsync(serving, model, cancellation);
        using var host = new ChannelEngine(engine, channel, options, cancellation);
        try
        {
            await host.ServeAsync();
        }
        finally
        {
            onEnding?.Invoke();
            await host.EndAsync();
        }
    }

    public void Dispose() => _ending.Dispose();

    private async Task ServeAsync()
    {
        var rank = _engine.Ranks[0];
        await _channel.SendAsync(new ReadyMessage(_engine.Announcement, Environment.ProcessId, rank.Pool.Fingerprint.ToString()!, rank.Pool.Blocks), _ending.Token);
        while (await _channel.ReceiveAsync(_ending.Token) is { } message and not StopMessage)
        {
            switch (message)
            {
                case PeersMessage peers:
                    _engine.SetPeers(peers.Engines);
                    _work.Add(ConnectAsync());
                    break;
                case GenerateMessage generate:
                    _work.Add(AnswerAsync(generate.Request));
                    break;
                case AskStatisticsMessage:
                    await _channel.SendAsync(Count(), _ending.Token);
                    break;
                default:
                    throw new InvalidDataException($"An engine has no use for a {message.GetType().Name}.");
            }
        }
    }

    private async Task EndAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_work).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Says when all engines that it knows are connected.</summary>
    private async Task ConnectAsync()
    {
        for (var until = DateTime.UtcNow + _options.Timeout; !_engine.GetStatus().Peers.All(peer => peer.State == "connected");)
        {
            if (DateTime.UtcNow > until) throw await FailAsync(string.Join("; ", _engine.GetStatus().Peers.Select(peer => $"{peer.Name} is {peer.State}: {peer.Reason}")));
            await Task.Delay(5, _ending.Token);
        }
        var remote = _engine.Peers.FindAgent();
        await _channel.SendAsync(
            new ConnectedMessage(remote?.Transport.ToString() ?? "", remote?.TransportVersion ?? "", remote?.Provider ?? "", remote?.Reason ?? ""), _ending.Token);
    }

    private async Task AnswerAsync(GenerateRequest request)
    {
        try
        {
            await foreach (var happened in _engine.GenerateAsync(request, _ending.Token))
                await _channel.SendAsync(new EventMessage(request.Id, happened), _ending.Token);
        }
        catch (Exception e) when (e is ArgumentException or EngineBusyException)
        {
            await _channel.SendAsync(new FailedMessage(request.Id, e.Message), _ending.Token);
        }
    }

    private async Task<TimeoutException> FailAsync(string reason)
    {
        await _channel.SendAsync(new FailedMessage(null, reason), _ending.Token);
        return new TimeoutException(reason);
    }

    private StatisticsMessage Count()
    {
        var status = _engine.GetStatus();
        TransportCounters[] counters = [.. _engine.Ranks.Select(rank => rank.Agent.GetCounters(_options.Transport))];
        return new StatisticsMessage(
            _engine.TokensComputed, status.PromptTokensComputed, status.Blocks.Free, counters.Sum(one => one.WrittenBytes), counters.Sum(one => one.Transfers),
            counters.Sum(one => one.Failures));
    }
}
