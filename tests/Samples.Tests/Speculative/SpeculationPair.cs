using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Samples.Model;
using Nixl.Sdk.Samples.Speculative;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Samples.Tests;

/// <summary>Both models of the sample, loaded once.</summary>
public sealed class SpeculationModels : IDisposable
{
    internal LlamaModel Target { get; } = LlamaModel.Load(CommonOptions.Folder("kjv-bytes"));

    internal DraftModel Draft { get; } = DraftModel.Load(CommonOptions.Folder("kjv-draft"));

    public void Dispose()
    {
        Target.Dispose();
        Draft.Dispose();
    }
}

/// <summary>A verifier and a draft engine over a fake network, so that a test decides what the draft engine does and when it dies.</summary>
internal sealed class SpeculationPair : IAsyncDisposable
{
    internal const int Blocks = 160;
    internal const int MaxK = 16;
    private const string DraftName = "draft-0";

    private readonly SpeculationModels _models;
    private readonly TestPeer _peer;
    private readonly CancellationTokenSource _stop = new();
    private readonly NixlAgent _verifier, _draft;
    private readonly KvPool<KjvDraftKv> _pool;
    private readonly Task _running;

    private SpeculationPair(
        SpeculationModels models, FakeTransport network, NixlAgent verifier, NixlAgent draft, KvPool<KjvDraftKv> pool, DraftEngine engine, DraftLink link, TestPeer peer)
    {
        (_models, Network, _verifier, _draft, _pool, Engine, Link, _peer) = (models, network, verifier, draft, pool, engine, link, peer);
        Target = new TargetModel(models.Target, MaxK);
        Cache = PoolCache.Over(pool, models.Draft.Model.Config);
        _running = Task.Run(() => engine.RunAsync(_stop.Token));
    }

    internal FakeTransport Network { get; }

    internal TargetModel Target { get; }

    internal DraftEngine Engine { get; }

    internal DraftLink Link { get; }

    /// <summary>The verifier's blocks for the draft model's cache.</summary>
    internal PagedKvCache Cache { get; }

    internal static async Task<SpeculationPair> StartAsync(SpeculationModels models, Func<IDrafter, IDrafter>? wrap = null, double timeout = 60)
    {
        var (network, deadline) = (new FakeTransport(), TimeSpan.FromSeconds(timeout));
        var verifier = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "verifier-0", Transport = network, DefaultTimeout = deadline });
        var draft = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = DraftName, Transport = network, DefaultTimeout = deadline });
        var pool = models.Draft.CreatePool(verifier, Blocks);
        var engine = await DraftEngine.ConnectAsync(draft, models.Draft, verifier.ExportMetadata(), Blocks, seed: 5, deadline, wrap, default);
        var peer = new TestPeer();
        var link = await DraftLink.AcceptAsync(verifier, pool, models.Draft, peer, deadline, default);
        return new SpeculationPair(models, network, verifier, draft, pool, engine, link, peer);
    }

    internal static int[] Encode(string prompt) => new ByteTokenizer().Encode(prompt);

    internal Task<Answer> GenerateAsync(int[] prompt, int tokens, int k, bool adaptive = false, Action<int>? onRound = null) =>
        new SpeculativeDecoder(Target, Link) { OnRound = onRound }.GenerateAsync(prompt, tokens, k, adaptive, default);

    internal int[] Plain(int[] prompt, int tokens) => PlainDecoder.Generate(_models.Target, prompt, tokens, default);

    /// <summary>What a killed process looks like: its connections are gone, and whoever started it knows that it has ended.</summary>
    internal void KillDraft()
    {
        Network.Disconnect(DraftName);
        _peer.Exit();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ContinueWith(_ => { }, TaskScheduler.Default); // it may have failed on purpose
        await Link.DisposeAsync();
        await Engine.DisposeAsync();
        await _draft.DisposeAsync();
        _pool.Dispose();
        await _verifier.DisposeAsync();
        Target.Dispose();
        await _peer.DisposeAsync();
        _stop.Dispose();
    }

    private sealed class TestPeer : DraftPeer
    {
        internal override int ProcessId => 0;

        internal void Exit() => _exited.Cancel();

        internal override void Kill() => throw new NotSupportedException();

        public override ValueTask DisposeAsync()
        {
            _exited.Dispose();
            return default;
        }
    }
}
