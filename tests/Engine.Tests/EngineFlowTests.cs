using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Engine.Tests;

#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes what it owns.
/// <summary>Both engines, their hosts and their messages, over a fake network: the whole flow without native code.</summary>
public sealed class EngineFlowTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly string ModelFolder = Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes");

    private readonly FakeTransport _network = new();
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromMinutes(2));
    private readonly ModelHandle _model = ModelHandle.Load(ModelFolder);
    private readonly List<(EngineChannel Driver, Task Running)> _engines = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var (driver, running) in _engines)
        {
            await running.WaitAsync(Deadline);
            driver.Dispose();
        }
        _model.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task Several_requests_at_once_give_the_monolithic_tokens_and_every_block_comes_back()
    {
        var (prefill, decode) = await ConnectAsync(blocks: 64);
        var prompts = DemoPrompts.Choose(null, 8);
        for (var i = 0; i < prompts.Count; i++) await SendAsync(decode, new SubmitMessage($"r{i}", prompts[i], 20));

        var answers = new Dictionary<string, int[]>();
        var handovers = new List<HandedOverMessage>();
        var reserved = new Dictionary<string, int[]>();
        var decodeSide = Task.Run(async () =>
        {
            while (answers.Count < prompts.Count)
                switch (await ReceiveAsync(decode))
                {
                    case ReservedMessage r:
                        reserved[r.Request] = r.Blocks;
                        await SendAsync(prefill, new PrefillMessage(r.Request, prompts[int.Parse(r.Request[1..], null)], "decode-0", r.Blocks));
                        break;
                    case FinishedMessage f:
                        answers.Add(f.Request, f.Tokens);
                        break;
                    case FailedMessage failed:
                        Assert.Fail(failed.Error);
                        break;
                }
        });
        while (handovers.Count < prompts.Count) handovers.Add(Assert.IsType<HandedOverMessage>(await ReceiveAsync(prefill)));
        await decodeSide.WaitAsync(Deadline);

        var monolithic = new MonolithicEngine(_model);
        for (var i = 0; i < prompts.Count; i++) Assert.Equal(monolithic.Generate(prompts[i], 20), answers[$"r{i}"]);
        foreach (var handover in handovers)
        {
            Assert.Equal(reserved[handover.Request].Length * (long)KjvBytesKv.BytesPerBlock, handover.Bytes);
            Assert.NotEqual(reserved[handover.Request], handover.LocalBlocks);
        }
        var (p, d) = (await StatisticsAsync(prefill), await StatisticsAsync(decode));
        Assert.Equal((64, 64), (p.FreeBlocks, d.FreeBlocks));
        Assert.Equal(0, d.PromptTokensComputed);
        Assert.Equal(answers.Values.Sum(a => a.Length) - prompts.Count, d.TokensComputed);
    }

    [Fact]
    public async Task A_request_waits_for_blocks_when_the_pool_is_full()
    {
        var (prefill, decode) = await ConnectAsync(blocks: 4);
        await SendAsync(decode, new SubmitMessage("a", "In the beginning God", 16)); // 3 of 4 blocks
        await SendAsync(decode, new SubmitMessage("b", "And it came to pass", 16));
        var first = Assert.IsType<ReservedMessage>(await ReceiveAsync(decode));
        Assert.Equal(1, (await StatisticsAsync(decode)).FreeBlocks);
        await SendAsync(prefill, new PrefillMessage("a", "In the beginning God", "decode-0", first.Blocks));

        EngineMessage message;
        while ((message = await ReceiveAsync(decode)) is TokenMessage { Request: "a" }) { }
        Assert.IsType<FinishedMessage>(message);
        Assert.Equal("b", Assert.IsType<ReservedMessage>(await ReceiveAsync(decode)).Request);
    }

    [Fact]
    public async Task A_request_that_can_never_fit_is_refused_with_the_numbers()
    {
        var (_, decode) = await ConnectAsync(blocks: 4);
        await SendAsync(decode, new SubmitMessage("long", new string('a', 60), 20));
        Assert.Contains("5 blocks; the pool has 4", Assert.IsType<FailedMessage>(await ReceiveAsync(decode)).Error, StringComparison.Ordinal);
        await SendAsync(decode, new SubmitMessage("longer", new string('a', 60), 10_000));
        Assert.Contains("positions", Assert.IsType<FailedMessage>(await ReceiveAsync(decode)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_transfer_fails_its_request_and_frees_its_blocks()
    {
        var (prefill, decode) = await ConnectAsync(blocks: 16);
        await SendAsync(decode, new SubmitMessage("a", "In the beginning", 4));
        var reserved = Assert.IsType<ReservedMessage>(await ReceiveAsync(decode));
        _network.FailNext();
        await SendAsync(prefill, new PrefillMessage("a", "In the beginning", "decode-0", reserved.Blocks));
        var failed = Assert.IsType<FailedMessage>(await ReceiveAsync(prefill));
        Assert.Equal("a", failed.Request);
        Assert.Contains("decode-0", failed.Error, StringComparison.Ordinal);
        Assert.Equal(16, (await StatisticsAsync(prefill)).FreeBlocks);
    }

    [Fact]
    public async Task An_engine_stops_when_its_driver_is_gone()
    {
        var (prefill, decode) = await ConnectAsync(blocks: 8);
        prefill.Dispose();
        await SendAsync(decode, new StopMessage());
        foreach (var (_, running) in _engines) await running.WaitAsync(Deadline);
    }

    private async Task<(EngineChannel Prefill, EngineChannel Decode)> ConnectAsync(int blocks)
    {
        var prefill = Start(EngineRole.Prefill, "prefill-0", blocks, seed: 1);
        var decode = Start(EngineRole.Decode, "decode-0", blocks, seed: 2);
        var there = Assert.IsType<ReadyMessage>(await ReceiveAsync(decode));
        Assert.Equal(there.Fingerprint, Assert.IsType<ReadyMessage>(await ReceiveAsync(prefill)).Fingerprint);
        await SendAsync(prefill, new ConnectMessage(there.Agent, there.Host, there.Port));
        Assert.Equal("decode-0", Assert.IsType<ConnectedMessage>(await ReceiveAsync(prefill)).Peer);
        return (prefill, decode);
    }

    private EngineChannel Start(EngineRole role, string agent, int blocks, int seed)
    {
        var (driver, engine) = EngineChannel.Pair();
        var options = new EngineOptions(role, agent, ModelFolder, NixlTransports.Loopback, blocks, seed, TimeSpan.FromSeconds(30));
        _engines.Add((driver, Task.Run(async () =>
        {
            using (engine) await EngineHost.RunAsync(options, _model, engine, verbose: false, fake: _network, cancellation: _stop.Token);
        })));
        return driver;
    }

    private async Task<StatisticsMessage> StatisticsAsync(EngineChannel engine)
    {
        await SendAsync(engine, new AskStatisticsMessage());
        return Assert.IsType<StatisticsMessage>(await ReceiveAsync(engine));
    }

    private Task SendAsync(EngineChannel engine, EngineMessage message) => engine.SendAsync(message, _stop.Token).WaitAsync(Deadline);

    private async Task<EngineMessage> ReceiveAsync(EngineChannel engine)
    {
        var message = await engine.ReceiveAsync(_stop.Token).WaitAsync(Deadline);
        Assert.NotNull(message);
        return message;
    }
}
