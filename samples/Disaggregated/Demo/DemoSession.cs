namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Serves requests through a prefill and a decode engine, in the part that a router plays: it tells them of each other, passes requests on,
/// and never sees a byte of the cache.
/// </summary>
internal sealed class DemoSession(DemoOptions options, ModelHandle model, DemoConsole console, CancellationToken cancellation) : IAsyncDisposable
{
    private readonly EngineInbox _inbox = new(options.Timeout, cancellation);
    private readonly List<EngineLink> _engines = [];

    internal EngineLink Prefill => _engines[0];

    internal EngineLink Decode => _engines[1];

    internal ReadyMessage PrefillReady { get; private set; } = null!;

    internal ReadyMessage DecodeReady { get; private set; } = null!;

    internal ConnectedMessage Connected { get; private set; } = null!;

    internal StatisticsMessage PrefillStatistics { get; private set; } = null!;

    internal StatisticsMessage DecodeStatistics { get; private set; } = null!;

    /// <summary>Starts both engines and connects the one to the other.</summary>
    internal async Task StartAsync()
    {
        Start(EngineRole.Prefill, "prefill-0", options.Seed);
        Start(EngineRole.Decode, "decode-0", unchecked(options.Seed + 7919)); // blocks in another order than the prefill engine's
        for (var i = 0; i < 2; i++)
        {
            var (from, message) = await _inbox.NextAsync("the engines to start");
            if (message is not ReadyMessage ready) throw new EngineFailedException($"{from.Options.Agent} sent {message.GetType().Name} before it was ready.");
            if (from == Prefill) PrefillReady = ready;
            else DecodeReady = ready;
        }
        foreach (var engine in _engines) await engine.Channel.SendAsync(new PeersMessage([PrefillReady.Engine, DecodeReady.Engine]), cancellation);
        for (var i = 0; i < 2; i++)
        {
            var (from, message) = await _inbox.NextAsync("the engines to connect");
            if (message is not ConnectedMessage connected) throw new EngineFailedException($"{from.Options.Agent} sent {message.GetType().Name} before it was connected.");
            if (from == Decode) Connected = connected;
        }
        if (Connected.Transport != options.Transport.ToString())
            throw new EngineFailedException($"The engines are connected over {Connected.Transport}; {options.Transport} was asked for ({Connected.Reason}).");
        console.Started(this, options);
    }

    /// <summary>Serves all prompts, all in flight at once.</summary>
    internal async Task<IReadOnlyList<DemoRequest>> ServeAsync()
    {
        var requests = options.Prompts.Select((prompt, i) => new DemoRequest(i + 1, prompt, model.Tokenizer.Encode(prompt))).ToList();
        var byId = requests.ToDictionary(request => request.Id, StringComparer.Ordinal);
        foreach (var request in requests)
        {
            request.Start();
            await Decode.Channel.SendAsync(new GenerateMessage(Ask(request)), cancellation);
        }
        while (requests.Find(request => request.Finished is null) is { } open)
        {
            var (_, message) = await _inbox.NextAsync($"{open.Id} and what is behind it");
            On(message, byId);
            console.Progress(requests);
        }
        return requests;
    }

    /// <summary>Asks both engines what they and their transports have counted.</summary>
    internal async Task CountAsync()
    {
        await Prefill.Channel.SendAsync(new AskStatisticsMessage(), cancellation);
        PrefillStatistics = await _inbox.ExpectAsync<StatisticsMessage>(Prefill, "statistics");
        await Decode.Channel.SendAsync(new AskStatisticsMessage(), cancellation);
        DecodeStatistics = await _inbox.ExpectAsync<StatisticsMessage>(Decode, "statistics");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines) await engine.DisposeAsync();
    }

    private void Start(EngineRole role, string agent, int seed)
    {
        var engine = new EngineOptions(role, agent, options.Model, options.Transport, options.Blocks, seed, options.Timeout);
        var link = options.Transport == NixlTransports.Loopback
            ? EngineLink.StartHere(engine, options.Verbose)
            : EngineLink.StartProcess(engine, options.Verbose);
        _engines.Add(link);
        _inbox.Listen(link);
    }

    // The deadline of the whole demo; each of the driver's own waits ends long before.
    private GenerateRequest Ask(DemoRequest request) =>
        new(request.Id, request.Tokens, options.MaxNewTokens) { Prefill = [Prefill.Options.Agent], TimeoutSeconds = TimeSpan.FromHours(12).TotalSeconds };

    private void On(EngineMessage message, Dictionary<string, DemoRequest> requests)
    {
        if (message is not EventMessage happened) throw new EngineFailedException($"An engine sent {message.GetType().Name} out of turn.");
        var request = requests[happened.Request];
        switch (happened.Event)
        {
            case ArrivedEvent arrived:
                request.Arrived = arrived;
                break;
            case FailoverEvent failover:
                request.Failure = failover.Reason;
                break;
            case TokenEvent token:
                request.OnToken(token.Token);
                console.Text(request, token.Text);
                break;
            case FinishedEvent finished:
                console.Text(request, finished.Text);
                request.Finished = finished;
                break;
            case FailedEvent failed:
                throw new EngineFailedException($"{request.Id}: {failed.Error}");
        }
    }
}
