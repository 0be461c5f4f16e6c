namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Serves requests through a prefill and a decode engine, in the part that a router plays: it passes requests and block ids on,
/// and never sees a byte of the cache.
/// </summary>
internal sealed class DemoSession(DemoOptions options, DemoConsole console, CancellationToken cancellation) : IAsyncDisposable
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
        await Prefill.Channel.SendAsync(new ConnectMessage(DecodeReady.Agent, DecodeReady.Host, DecodeReady.Port), cancellation);
        Connected = await _inbox.ExpectAsync<ConnectedMessage>(Prefill, "the prefill engine to connect");
        if (Connected.Transport != options.Transport.ToString())
            throw new EngineFailedException($"The engines are connected over {Connected.Transport}; {options.Transport} was asked for ({Connected.Reason}).");
        console.Started(this, options);
    }

    /// <summary>Serves all prompts, all in flight at once.</summary>
    internal async Task<IReadOnlyList<DemoRequest>> ServeAsync()
    {
        var requests = options.Prompts.Select((prompt, i) => new DemoRequest(i + 1, prompt)).ToList();
        var byId = requests.ToDictionary(request => request.Id, StringComparer.Ordinal);
        foreach (var request in requests)
        {
            request.Start();
            await Decode.Channel.SendAsync(new SubmitMessage(request.Id, request.Prompt, options.MaxNewTokens), cancellation);
        }
        while (requests.Find(request => !request.IsComplete) is { } open)
        {
            var (_, message) = await _inbox.NextAsync($"{open.Id} and what is behind it");
            await OnAsync(message, byId);
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

    private async Task OnAsync(EngineMessage message, Dictionary<string, DemoRequest> requests)
    {
        switch (message)
        {
            case ReservedMessage reserved:
                var request = requests[reserved.Request];
                request.Reserved = reserved;
                await Prefill.Channel.SendAsync(new PrefillMessage(request.Id, request.Prompt, DecodeReady.Agent, reserved.Blocks), cancellation);
                break;
            case HandedOverMessage handedOver:
                requests[handedOver.Request].HandedOver = handedOver;
                break;
            case TokenMessage token:
                requests[token.Request].OnToken(token.Token);
                console.Text(requests[token.Request], token.Text);
                break;
            case FinishedMessage finished:
                requests[finished.Request].Finished = finished;
                break;
            default:
                throw new EngineFailedException($"An engine sent {message.GetType().Name} out of turn.");
        }
    }
}
