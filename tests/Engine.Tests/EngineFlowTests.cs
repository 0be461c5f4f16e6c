using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Engine.Tests;

#pragma warning disable CA1001 // DisposeAsync of IAsyncLifetime disposes what it owns.
/// <summary>Both engines of the demo and their messages, over a fake network: the whole flow without native code.</summary>
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
    public async Task Several_requests_at_once_give_the_monolithic_tokens_and_every_byte_and_block_is_accounted_for()
    {
        var (prefill, decode) = await ConnectAsync(blocks: 64);
        var prompts = DemoPrompts.Choose(null, 8);
        for (var i = 0; i < prompts.Count; i++) await SendAsync(decode, new GenerateMessage(Request(i, prompts[i], 20)));
        var (answers, arrived) = await AnswersAsync(decode, prompts.Count);

        var monolithic = new MonolithicEngine(_model);
        for (var i = 0; i < prompts.Count; i++) Assert.Equal(monolithic.Generate(prompts[i], 20), answers[$"r{i}"]);
        var (p, d) = (await StatisticsAsync(prefill), await StatisticsAsync(decode));
        var tokens = prompts.Select(prompt => _model.Tokenizer.Encode(prompt).Length).ToList();
        Assert.Equal(tokens.Sum(count => (count + 15) / 16 * (long)KjvBytesKv.BytesPerBlock), arrived);
        Assert.Equal(tokens.Sum(), p.PromptTokensComputed);
        Assert.Equal((0, answers.Values.Sum(answer => answer.Count) - prompts.Count), (d.PromptTokensComputed, d.TokensComputed));
        Assert.Equal((64, 64), (p.FreeBlocks, d.FreeBlocks));
    }

    [Fact]
    public async Task Requests_wait_for_blocks_when_the_pool_is_full()
    {
        var (_, decode) = await ConnectAsync(blocks: 4);
        for (var i = 0; i < 5; i++) await SendAsync(decode, new GenerateMessage(Request(i, "In the beginning God", 16))); // 3 of 4 blocks each
        var (answers, _) = await AnswersAsync(decode, 5);
        Assert.All(answers.Values, answer => Assert.Equal(answers["r0"], answer));
        Assert.Equal(4, (await StatisticsAsync(decode)).FreeBlocks);
    }

    [Fact]
    public async Task A_request_that_can_never_fit_is_refused_with_the_numbers()
    {
        var (_, decode) = await ConnectAsync(blocks: 4);
        await SendAsync(decode, new GenerateMessage(Request(1, new string('a', 60), 20)));
        Assert.Contains("5 blocks; the pool has 4", Assert.IsType<FailedMessage>(await ReceiveAsync(decode)).Error, StringComparison.Ordinal);
        await SendAsync(decode, new GenerateMessage(Request(2, new string('a', 60), 10_000)));
        Assert.Contains("positions", Assert.IsType<FailedMessage>(await ReceiveAsync(decode)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_engine_stops_when_its_driver_is_gone()
    {
        var (prefill, decode) = await ConnectAsync(blocks: 8);
        prefill.Dispose();
        await SendAsync(decode, new StopMessage());
        foreach (var (_, running) in _engines) await running.WaitAsync(Deadline);
        _engines.ForEach(engine => engine.Driver.Dispose());
        _engines.Clear();
    }

    private async Task<(EngineChannel Prefill, EngineChannel Decode)> ConnectAsync(int blocks)
    {
        var prefill = Start(EngineRole.Prefill, "prefill-0", blocks, seed: 1);
        var decode = Start(EngineRole.Decode, "decode-0", blocks, seed: 2);
        ReadyMessage there = Assert.IsType<ReadyMessage>(await ReceiveAsync(decode)), here = Assert.IsType<ReadyMessage>(await ReceiveAsync(prefill));
        Assert.Equal(there.Fingerprint, here.Fingerprint);
        EngineChannel[] both = [prefill, decode];
        foreach (var engine in both) await SendAsync(engine, new PeersMessage([here.Engine, there.Engine]));
        foreach (var engine in both) Assert.IsType<ConnectedMessage>(await ReceiveAsync(engine));
        return (prefill, decode);
    }

    private EngineChannel Start(EngineRole role, string agent, int blocks, int seed)
    {
        var (driver, engine) = EngineChannel.Pair();
        var options = new EngineOptions(role, agent, ModelFolder, NixlTransports.Loopback, blocks, seed, TimeSpan.FromSeconds(30));
        _engines.Add((driver, Task.Run(async () =>
        {
            using (engine)
            {
                try
                {
                    await ChannelEngine.RunAsync(options, _model, engine, verbose: false, fake: _network, cancellation: _stop.Token);
                }
                catch (OperationCanceledException) when (_stop.IsCancellationRequested)
                {
                    // The test has ended.
                }
            }
        })));
        return driver;
    }

    private GenerateRequest Request(int number, string prompt, int maxTokens) => new($"r{number}", _model.Tokenizer.Encode(prompt), maxTokens) { Prefill = ["prefill-0"] };

    /// <summary>The answers of so many requests, and the bytes that came for them.</summary>
    private async Task<(Dictionary<string, List<int>> Answers, long Bytes)> AnswersAsync(EngineChannel decode, int count)
    {
        Dictionary<string, List<int>> answers = [];
        var bytes = 0L;
        for (var finished = 0; finished < count;)
        {
            var message = Assert.IsType<EventMessage>(await ReceiveAsync(decode));
            switch (message.Event)
            {
                case TokenEvent token:
                    if (!answers.TryGetValue(message.Request, out var answer)) answers.Add(message.Request, answer = []);
                    answer.Add(token.Token);
                    break;
                case ArrivedEvent arrived: bytes += arrived.Bytes; break;
                case FinishedEvent: finished++; break;
                case FailedEvent or FailoverEvent: Assert.Fail(message.ToString()); break;
            }
        }
        return (answers, bytes);
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
