using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>An engine whose answers are known beforehand: the same for every engine, other ones for other prompts, with characters of several bytes.</summary>
internal sealed class ScriptedEngine(string name, EngineRole role) : IServingEngine
{
    private const string Text = "And he said, é ß → € 漢字 🙂 selah; and it was so. ";
    private readonly ConcurrentDictionary<string, bool> _running = new();
    private int _aborted, _finished;

    /// <summary>Another one after each start.</summary>
    internal string Incarnation { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Pause before each token.</summary>
    internal TimeSpan TokenTime { get; set; } = TimeSpan.FromMilliseconds(1);

    /// <summary>If it is there, each token waits for a release of it.</summary>
    internal SemaphoreSlim? Allowed { get; set; }

    /// <summary>Waits before it takes a request, or refuses it.</summary>
    internal TimeSpan TakeTime { get; set; }

    /// <summary>What it throws instead of taking a request.</summary>
    internal Exception? Refusal { get; set; }

    /// <summary>Fails after so many tokens of an attempt, in a way that another engine can repair.</summary>
    internal int FailAfter { get; set; } = int.MaxValue;

    /// <summary>The same for single requests.</summary>
    internal Func<GenerateRequest, int>? FailIf { get; set; }

    internal bool CanRetry { get; set; } = true;

    internal bool Ready { get; set; } = true;

    internal bool Draining { get; private set; }

    internal int Waiting { get; set; }

    internal string Model { get; set; } = "model-1";

    internal int Aborted => Volatile.Read(ref _aborted);

    internal int Finished => Volatile.Read(ref _finished);

    internal int Running => _running.Count;

    internal ConcurrentQueue<GenerateRequest> Requests { get; } = new();

    internal IReadOnlyList<EngineAnnouncement> Peers { get; private set; } = [];

    /// <summary>Engines that it was told are gone, by incarnation.</summary>
    internal ConcurrentQueue<string> Exited { get; } = new();

    /// <summary>A number of its own: the scripted engines live in one process.</summary>
    internal int ProcessId { get; } = Interlocked.Increment(ref s_processes);

    private static int s_processes = 1_000_000;

    public EngineAnnouncement Announcement => new(name, role, Incarnation, "", Model, [new EngineRank(name, "127.0.0.1", 1)]) { ProcessId = ProcessId };

    /// <summary>The whole answer, with the token that ends it.</summary>
    internal static int[] AnswerTo(ReadOnlySpan<int> prompt, int maxTokens)
    {
        var bytes = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(Text, 4)));
        var turn = 0;
        foreach (var token in prompt) turn = ((turn * 31) + token) % 5;
        // A different beginning for each prompt, at the boundary of a character.
        var start = Encoding.UTF8.GetByteCount(Text.AsSpan(0, turn * 2));
        int[] all = [.. bytes.AsSpan(start).ToArray().Select(value => (int)value), ByteTokenizer.Eos];
        return all.Length > maxTokens ? all[..maxTokens] : all;
    }

    public async IAsyncEnumerable<EngineEvent> GenerateAsync(GenerateRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.Delay(TakeTime, cancellation);
        if (Refusal is { } refusal) throw refusal;
        Requests.Enqueue(request);
        Assert.True(_running.TryAdd(request.Id, true), $"{request.Id} is here already");
        try
        {
            yield return new QueuedEvent(Clock.Now, Waiting);
            yield return new ReservedEvent(Clock.Now, 3, 16);
            var prefill = Places?.Invoke(request) ?? request.Prefill.FirstOrDefault() ?? name;
            yield return new PrefillEvent(Clock.Now, prefill, "scripted");
            if (prefill != name)
            {
                for (var layer = 0; layer < 4; layer++) yield return new LayerEvent(Clock.Now, layer);
                yield return new ArrivedEvent(Clock.Now, 131072, 0.5, 4, 3, 1);
            }
            var answer = AnswerTo(request.Prompt, request.MaxTokens);
            // An engine that goes on computes from what it was given: if that is wrong, so is what follows.
            if (Checks) Assert.Equal(answer.Take(request.Emitted.Length), request.Emitted);
            for (var i = request.Emitted.Length; i < answer.Length; i++)
            {
                if (i - request.Emitted.Length == (FailIf?.Invoke(request) ?? FailAfter))
                {
                    yield return new FailedEvent(Clock.Now, "failed", "scripted failure", CanRetry);
                    yield break;
                }
                if (Allowed is not null) await Allowed.WaitAsync(cancellation);
                if (TokenTime > TimeSpan.Zero) await Task.Delay(TokenTime, cancellation);
                yield return new TokenEvent(Clock.Now, answer[i], "");
            }
            Interlocked.Increment(ref _finished);
            yield return new FinishedEvent(Clock.Now, answer[^1] == ByteTokenizer.Eos ? "stop" : "length", "");
        }
        finally
        {
            if (cancellation.IsCancellationRequested) Interlocked.Increment(ref _aborted); // before it is no longer running
            _running.TryRemove(request.Id, out _);
        }
    }

    /// <summary>Where it has prompts computed, if not by the first prefill engine that is named.</summary>
    internal Func<GenerateRequest, string>? Places { get; set; }

    /// <summary>Whether it notices an answer that goes on behind tokens that it would not have given.</summary>
    internal bool Checks { get; set; } = true;

    /// <summary>Waits before a prompt that was sent ahead is computed; without end if nobody gives it up.</summary>
    internal TimeSpan AheadTime { get; set; }

    /// <summary>What it computes of a prompt that was sent ahead; null: it fails.</summary>
    internal Func<PrefillRequest, int?> Ahead { get; set; } = request => AnswerTo(request.Prompt, 1)[0];

    internal ConcurrentQueue<PrefillRequest> Prompts { get; } = new();

    public async IAsyncEnumerable<EngineEvent> PrefillAsync(PrefillRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (Refusal is { } refusal) throw refusal;
        Prompts.Enqueue(request);
        try
        {
            await Task.Delay(AheadTime, cancellation);
            yield return Ahead(request) is { } token ? new FirstTokenEvent(Clock.Now, token) : new FailedEvent(Clock.Now, "failed", "scripted failure", CanRetry: true);
        }
        finally
        {
            if (cancellation.IsCancellationRequested) Interlocked.Increment(ref _aborted);
        }
    }

    public void PeerExited(EngineAnnouncement peer) => Exited.Enqueue(peer.Incarnation);

    public void SetPeers(IReadOnlyList<EngineAnnouncement> peers) => Peers = peers;

    public EngineStatus GetStatus() => new()
    {
        Name = name, Role = role, Incarnation = Incarnation, ProcessId = Environment.ProcessId, Ready = Ready, Draining = Draining, TensorParallel = 1,
        BlockTokens = 16, Queue = new EngineQueue(Waiting, Running, 0, 64), Blocks = new EngineBlocks(512, 480, 40, 8, 12, 0, 10, 2), BlocksOfOtherRanks = [],
        Quarantine = [new EngineQuarantine("prefill-9", 2, 1500)],
        Peers = [.. Peers.Where(peer => peer.Role != role).Select(peer => new EnginePeer(peer.Name, peer.Incarnation, "connected", "", "local", 1000L * Finished, Finished, 0))],
        Prefills = new() { ["remote: faster"] = Finished }, PromptTokensComputed = 0, TokensGenerated = 0, RequestsFinished = Finished, RequestsFailed = 0, RequestsAborted = Aborted, Failovers = 0,
    };

    public void Drain() => Draining = true;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
