using System.Diagnostics;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>Several serving engines in one process, and what each answer has to be: the tokens of one runner alone.</summary>
internal sealed class ServingBench : IAsyncDisposable
{
    internal static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, ServingEngine> _engines = new(StringComparer.Ordinal);
    private readonly NixlTransports _transport;
    private int _asked;

    /// <param name="transport">None: the fake network.</param>
    internal ServingBench(NixlTransports transport = NixlTransports.None) => _transport = transport;

    internal FakeTransport Network { get; } = new();

    internal ModelHandle Model { get; } = ModelHandle.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));

    internal ServingEngine this[string name] => _engines[name];

    internal async Task<ServingEngine> StartAsync(string name, EngineRole role, int ranks = 1, Func<ServingEngineOptions, ServingEngineOptions>? configure = null)
    {
        var options = new ServingEngineOptions(name, role)
        {
            TensorParallel = ranks,
            Blocks = 256,
            Transports = _transport == NixlTransports.None ? NixlTransports.All : _transport,
            Fake = _transport == NixlTransports.None ? Network : null,
            Seed = name.Length + ranks,
            Placement = KvAdvisorMode.AlwaysRemote,
            Checksums = true,
        };
        return _engines[name] = await ServingEngine.StartAsync(configure?.Invoke(options) ?? options, Model).WaitAsync(Soon);
    }

    /// <summary>Tells everybody of everybody, and waits for the connections.</summary>
    internal async Task ConnectAsync()
    {
        EngineAnnouncement[] all = [.. _engines.Values.Select(engine => engine.Announcement)];
        foreach (var engine in _engines.Values) engine.SetPeers(all);
        await UntilAsync(() => _engines.Values.All(engine => engine.GetStatus().Peers.All(peer => peer.State == "connected")), () =>
            "not connected: " + string.Join("; ", _engines.Values.SelectMany(engine => engine.GetStatus().Peers.Select(peer => $"{engine.Options.Name} → {peer}"))));
    }

    internal async Task StopAsync(string name)
    {
        _engines.Remove(name, out var engine);
        await engine!.DisposeAsync().AsTask().WaitAsync(Soon);
    }

    internal GenerateRequest Request(int[] prompt, int maxTokens, params string[] prefill) => new($"r{Interlocked.Increment(ref _asked)}", prompt, maxTokens) { Prefill = prefill };

    /// <summary>A prompt of two parts: the beginning is the same for each <paramref name="seed"/> of it.</summary>
    internal static int[] Prompt(int common, int commonSeed, int length, int seed) => [.. Prompt(common, commonSeed), .. Prompt(length, seed)];

    /// <summary>All events of a request.</summary>
    internal static async Task<List<EngineEvent>> AskAsync(ServingEngine engine, GenerateRequest request, CancellationToken cancellation = default)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(TimeSpan.FromMinutes(2));
        List<EngineEvent> events = [];
        await foreach (var happened in engine.GenerateAsync(request, deadline.Token)) events.Add(happened);
        return events;
    }

    internal static int[] TokensOf(IEnumerable<EngineEvent> events) => [.. events.OfType<TokenEvent>().Select(token => token.Token)];

    /// <summary>The answer of one runner alone.</summary>
    internal int[] Expected(int[] prompt, int maxTokens)
    {
        using var memory = new KvCacheMemory(Model.Config, 40, 16);
        return CoreBench.Alone(Model.Model, memory.Cache, prompt, maxTokens);
    }

    internal void AssertAnswer(GenerateRequest request, List<EngineEvent> events)
    {
        Assert.True(events[^1] is FinishedEvent, $"{request.Id} ended with {events[^1]}");
        Assert.Equal(Expected(request.Prompt, request.MaxTokens), (int[])[.. request.Emitted, .. TokensOf(events)]);
        Assert.IsType<QueuedEvent>(events[0]);
    }

    /// <summary>That the prompt came from a prefill engine, at once.</summary>
    internal static ArrivedEvent Arrived(List<EngineEvent> events)
    {
        Assert.True(!events.Exists(happened => happened is FailoverEvent), string.Join('\n', events.Where(happened => happened is FailoverEvent or PrefillEvent)));
        return Assert.Single(events.OfType<ArrivedEvent>());
    }

    /// <summary>Nothing is reserved, on its way or in quarantine on any rank.</summary>
    internal async Task AssertQuietAsync()
    {
        await UntilAsync(
            () => _engines.Values.All(engine => engine.GetStatus().Queue is { Waiting: 0, Running: 0, Reserved: 0 } && engine.Ranks.All(rank => IsFree(rank.Blocks.Snapshot()))),
            () => string.Join("; ", _engines.Values.SelectMany(engine => engine.Ranks).Select(rank => $"{rank.Agent.Name}: {rank.Blocks.Snapshot()}")));
        foreach (var rank in _engines.Values.SelectMany(engine => engine.Ranks)) Assert.Equal((0, 0), (rank.Connector.Snapshot().Given, rank.Connector.Snapshot().Held));
    }

    internal static async Task UntilAsync(Func<bool> holds, Func<string> otherwise)
    {
        for (var clock = Stopwatch.StartNew(); !holds();)
        {
            Assert.True(clock.Elapsed < Soon, otherwise());
            await Task.Delay(5);
        }
    }

    /// <summary>Bytes that an engine's ranks have written, as their transport counts them.</summary>
    internal static long Written(ServingEngine engine) =>
        engine.Ranks.Sum(rank => Enum.GetValues<NixlTransports>().Where(one => int.PopCount((int)one) == 1).Sum(one => rank.Agent.GetCounters(one).WrittenBytes));

    internal static int[] Prompt(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(32, 127))];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var engine in _engines.Values) await engine.DisposeAsync().AsTask().WaitAsync(Soon);
        Model.Dispose();
    }

    private static bool IsFree(BlockPoolSnapshot blocks) => blocks.Free + blocks.Cached == blocks.Blocks && blocks.OpenGrants == 0;
}
