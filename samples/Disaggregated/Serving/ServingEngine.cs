using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// An engine on the SDK's serving layer: ranks of tensor parallelism, each with an agent and a pool of its own, under continuous batching.
/// <code>
/// GenerateAsync ──→ DecodeRequest ──→ RemotePrompt ═══ KvConsumer × ranks ═══ network ═══ KvProducer × ranks ──→ PrefillGather ──→ PrefillWork
///                        │ Add, Adopt                                                                                                  │ Add
///                        └──────────────→ EngineLoop: EngineCore.Step on a thread of its own  ◀─────────────────────────────────────────┘
/// </code>
/// Thread-safe.
/// </summary>
internal sealed partial class ServingEngine : IServingEngine
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly BlockHasher _hasher;
    private readonly EngineCore _core;
    private readonly DirectMetadataExchange _exchange;
    private readonly PrefillGather _gather;
    private readonly PromptsAhead _ahead;
    private readonly HashSet<Task> _requests = [];
    private readonly Lock _lock = new();
    private Task[] _reading = [];
    private long _handovers;
    private long _order;
    private bool _draining;
    private bool _disposed;

    private ServingEngine(ServingEngineOptions options, ModelHandle model, IReadOnlyList<EngineAgent> ranks, DirectMetadataExchange exchange)
    {
        (Options, Model, Ranks, _exchange) = (options, model, ranks, exchange);
        var group = KjvBytesKv.Schema.Groups[0];
        _hasher = new BlockHasher(model.Identity, group.BlockTokens);
        _core = new EngineCore(model.Model, [.. ranks.Select(rank => rank.Cache)], [.. ranks.Select(rank => rank.Blocks)], _hasher, options.Core);
        _ahead = new PromptsAhead(mostIdle: Math.Max(1, options.MaxQueue / 2));
        Loop = new EngineLoop(options.Name, _core, Counters);
        Loop.Failed += _ => _stopping.CancelAsync();
        Loop.ShortOfBlocks += _ahead.GiveUpOldest;
        Advisor = new KvAdvisor(KvCacheSize.Of(ranks[0].Pool.Plan), new KvAdvisorOptions { Name = options.Name, Mode = options.Placement, LayerByLayer = true });
        Loop.Decoded += Advisor.ObserveDecodeStep;
        Peers = new EnginePeers(options, model.Identity.Revision, ranks, exchange);
        _gather = new PrefillGather(options.Timeout, PrefillAsync);;
        var endpoint = exchange.Endpoint!;
        Announcement = new EngineAnnouncement(
            options.Name, options.Role, Hex(ranks[0].Agent.Incarnation), "", model.Identity.Revision,
            [.. ranks.Select(rank => new EngineRank(rank.Agent.Name, endpoint.Address.ToString(), endpoint.Port) { Incarnation = Hex(rank.Agent.Incarnation) })])
        {
            ProcessId = Environment.ProcessId,
        };
    }

    /// <inheritdoc/>
    public EngineAnnouncement Announcement { get; }

    internal ServingEngineOptions Options { get; }

    internal ModelHandle Model { get; }

    internal IReadOnlyList<EngineAgent> Ranks { get; }

    internal EngineLoop Loop { get; }

    internal EnginePeers Peers { get; }

    /// <summary>Learns from every prompt where the next one is computed faster.</summary>
    internal KvAdvisor Advisor { get; }

    /// <summary>Tokens that went through the model; the warm-up is left out.</summary>
    internal long TokensComputed => Interlocked.Read(ref Counters.TokensComputed);

    internal EngineCounters Counters { get; } = new();

    internal int BlockTokens => _hasher.BlockTokens;

    /// <summary>Starts an engine and warms it up.</summary>
    /// <param name="options">The engine.</param>
    /// <param name="model">Its model; the caller's, alive for longer than the engine.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <exception cref="InvalidOperationException">The model does not fit the layout type.</exception>
    /// <exception cref="ArgumentException">The options contradict each other, or the model.</exception>
    /// <exception cref="NixlException">An agent or the metadata exchange cannot be started.</exception>
    internal static async Task<ServingEngine> StartAsync(ServingEngineOptions options, ModelHandle model, CancellationToken cancellation = default)
    {
        options.Validate();
        LayoutCheck.Require(model.Config, KjvBytesKv.Schema, KjvBytesKv.Schema.Groups[0].BlockTokens);
        _ = model.Config.Shard(options.TensorParallel); // refuses what the model cannot be cut into
        var ranks = new List<EngineAgent>();
        DirectMetadataExchange? exchange = null;
        ServingEngine? engine = null;
        try
        {
            for (var rank = 0; rank < options.TensorParallel; rank++) ranks.Add(await EngineAgent.StartAsync(options, rank, model, cancellation));
            exchange = new DirectMetadataExchange(new DirectMetadataExchangeOptions { Listen = new IPEndPoint(IPAddress.Parse(options.ListenHost), 0) });
            foreach (var rank in ranks) await exchange.PublishAsync(rank.Agent.Name, rank.Agent.ExportMetadata, cancellation);
            engine = new ServingEngine(options, model, ranks, exchange);
            await Task.Run(engine.Begin, CancellationToken.None);
            return engine;
        }
        catch
        {
            if (engine is not null)
            {
                await engine.DisposeAsync(); // and all that it was given
                throw;
            }
            if (exchange is not null) await exchange.DisposeAsync();
            foreach (var rank in ranks) await rank.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EngineEvent> GenerateAsync(GenerateRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Check(request);
        using var client = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var work = new DecodeRequest(this, request);
        var running = Enter(before =>
        {
            work.Emit(new QueuedEvent(Clock.Now, before));
            return work.RunAsync(client.Token, _stopping.Token);
        });
        try
        {
            await foreach (var happened in work.Events.ReadAllAsync(cancellation)) yield return happened;
        }
        finally
        {
            await client.CancelAsync(); // whoever stops reading does not want the rest
            await running;
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EngineEvent> PrefillAsync(PrefillRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // Not of an engine that decodes, too: who waits there for blocks of the same pool is not seen by the loop, and could wait for ever.
        if (Options.Role != EngineRole.Prefill) throw new ArgumentException($"Engine {Options.Name} is no prefill engine; prompts are not sent ahead to it.");
        _core.Check(new SequenceSpec(request.Name, request.Prompt, MaxNewTokens: 1));
        PrefillWork? own = null;
        var work = _ahead.GetOrAdd(request.Name, () => own = NewWork(request.Name, request.Prompt), idle: true);
        if (!work.IsOf(request.Prompt) || !work.TryListen()) throw new ArgumentException($"A prompt of the name '{request.Name}' was sent already.");
        if (work == own) await BeginAsync(request.Name, work, Shorter(TimeSpan.FromSeconds(request.TimeoutSeconds), Options.Timeout));
        try
        {
            yield return await FirstTokenAsync(work, cancellation);
            await Task.Yield(); // the loop's thread has sent the token, and goes back to its steps
            await ((Task)work.Asked.WaitAsync(cancellation)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            work.GiveUp("The router has given it up."); // unless the decode engine has asked
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static async Task<EngineEvent> FirstTokenAsync(PrefillWork work, CancellationToken cancellation)
    {
        try
        {
            var token = await work.FirstToken.WaitAsync(cancellation);
            return new FirstTokenEvent(Clock.Now, token);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return new FailedEvent(Clock.Now, "failed", e.Message, CanRetry: true);
        }
    }

    /// <inheritdoc/>
    public void SetPeers(IReadOnlyList<EngineAnnouncement> peers) => Peers.Set(peers);

    /// <inheritdoc/>
    public void PeerExited(EngineAnnouncement peer)
    {
        foreach (var there in peer.Ranks)
        {
            if (!ulong.TryParse(there.Incarnation, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var incarnation)) continue;
            foreach (var rank in Ranks) rank.Connector.PeerExited(new PeerIdentity(there.Agent, incarnation));
        }
    }

    /// <inheritdoc/>
    public void Drain()
    {
        lock (_lock) _draining = true;
    }

    /// <summary>Ends what it has with a clear failure, tells its peers, and closes everything.</summary>
    /// <exception cref="TimeoutException">A rank hangs in a step: its agents and memory are left as they are.</exception>
    public async ValueTask DisposeAsync()
    {
        Task[] open;
        lock (_lock)
        {
            if (_disposed) return;
            _disposed = _draining = true;
            open = [.. _requests];
        }
        await _stopping.CancelAsync();
        await Task.WhenAll([.. open, .. _reading]);
        await Peers.DisposeAsync();
        // Before the memory goes: of ranks one of which has failed another may still compute on it.
        await Task.Run(() =>
        {
            Loop.Dispose();
            _core.Dispose();
        });
        if (_core.HasEnded)
            foreach (var rank in Ranks) await rank.DisposeAsync();
        Advisor.Dispose();
        await _exchange.DisposeAsync();
        if (!_core.HasEnded)
            throw new TimeoutException($"A rank of engine {Options.Name} has not ended its step within {Options.Core.RankTimeout.TotalSeconds} s. The memory that it computes on stays until the process ends: end it.");
    }

    private static string Hex(ulong incarnation) => incarnation.ToString("x16", CultureInfo.InvariantCulture);

    internal int BlocksFor(int tokens) => (tokens + BlockTokens - 1) / BlockTokens;

    /// <summary>The hashes of a prompt's full blocks; not of the last one if the prompt ends with it: its last token is computed in any case.</summary>
    internal BlockHash[] HashesOf(ReadOnlySpan<int> prompt)
    {
        if (!Options.Core.PrefixCache) return [];
        var hashes = new BlockHash[(prompt.Length - 1) / BlockTokens];
        _hasher.Chain(prompt[..(hashes.Length * BlockTokens)], hashes);
        return hashes;
    }

    /// <summary>One more that wants blocks.</summary>
    internal long NextOrder() => Interlocked.Increment(ref _order);

    /// <summary>A name for a hand-over that nobody else uses.</summary>
    internal string NextHandover() => $"{Options.Name}/{Announcement.Incarnation}/{Interlocked.Increment(ref _handovers)}";

    private void Check(GenerateRequest request)
    {
        if (!Options.IsDecode) throw new ArgumentException($"Engine {Options.Name} is a prefill engine; it answers no requests.");
        if (request.Id.Length is < 1 or > 128) throw new ArgumentException($"A request's id has 1 to 128 characters, this one {request.Id.Length}.");
        if (request.TimeoutSeconds is not (> 0 and <= 86_400)) throw new ArgumentException($"'{request.Id}' has a deadline of {request.TimeoutSeconds} s; more than 0 and at most 86400.");
        if (request.Emitted.Length > request.MaxTokens) throw new ArgumentException($"'{request.Id}' has {request.Emitted.Length} tokens of its answer already, and asks for {request.MaxTokens} at most.");
        _core.Check(new SequenceSpec(request.Id, request.Prompt, request.MaxTokens));
        foreach (var token in request.Emitted)
            if ((uint)token >= (uint)Model.Config.VocabularySize) throw new ArgumentException($"'{request.Id}' has token {token} in its answer; the vocabulary has {Model.Config.VocabularySize}.");
    }

    /// <summary>Warm-up, and what comes in from peers.</summary>
    private void Begin()
    {
        _core.WarmUp([.. Ranks.Select(rank => rank.Blocks)]);
        Loop.Start();
        if (Options.IsPrefill) _reading = [.. Ranks.Select((rank, index) => Task.Run(() => ReadAsync(index, rank)))];
    }
}
