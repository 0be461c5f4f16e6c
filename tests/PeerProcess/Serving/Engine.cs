using Nixl.Sdk.Serving;

namespace Nixl.Sdk.PeerProcess.Serving;

/// <summary>
/// An engine's side of hand-overs that can be killed at any moment. Says "metadata BASE64" and then answers each line of stdin with one line:
/// <code>
/// connect BASE64      connects, and serves that engine's consumer or asks its producer      → connected
/// serve SEED LAYERS   producer: takes the next request and writes so many layers of it      → wrote
/// repeat              producer: writes all layers but the last again and again              → repeating (after the first)
/// finish              producer: writes the other layers and completes                       → finished, or failed WHY
/// request SEED BLOCKS consumer: asks for a prompt                                           → requested
/// result SEED         consumer: waits for it and looks at every byte                        → right FREE, or failed WHY
/// tell BASE64         sends a notification as it is                                         → told
/// counts              of the block pool and the connector                                   → counts FREE QUARANTINED GIVEN HELD
/// exit                disposes and ends                                                     → bye
/// </code>
/// End of input ends it too, so that it never outlives the test.
/// </summary>
internal sealed class Engine(NixlAgent agent, KvPool<EngineKv> pool, KvConnector connector, BlockPool blocks) : IDisposable
{
    private readonly KvProducer<EngineKv> _producer = new(connector, pool);
    private readonly KvConsumer<EngineKv> _consumer = new(connector, pool, blocks);
    private RemoteKvPool<EngineKv>? _peer;
    private KvSource? _source;
    private KvReceive? _receive;
    private KvPush? _push;
    private BlockLease? _own;
    private int _written;

    public static async Task<int> RunAsync(string name, NixlTransports transport, int blocks)
    {
        await using var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = name, Transports = transport });
        using var pool = KvPool<EngineKv>.Allocate(agent, blocks, EngineKv.Model, new KvPoolOptions { Name = EngineKv.PoolName });
        await using var connector = KvConnector.Start(agent, new KvConnectorOptions { CheckInterval = TimeSpan.FromMilliseconds(10) });
        using var own = new BlockPool(blocks, new BlockPoolOptions { Owner = new PeerIdentity(agent.Name, agent.Incarnation) });
        Say($"metadata {Convert.ToBase64String(agent.ExportMetadata())}");
        using var engine = new Engine(agent, pool, connector, own);
        while (await Console.In.ReadLineAsync() is { } line && line != "exit")
        {
            try
            {
                Say(await engine.ObeyAsync(line.Split(' ')));
            }
            catch (Exception e) when (e is NixlException or OperationCanceledException or InvalidOperationException)
            {
                Say($"failed {(e as KvHandoverException)?.Outcome.ToString() ?? e.GetType().Name}");
            }
        }
        Say("bye");
        return 0;
    }

    public void Dispose()
    {
        _producer.Dispose();
        _consumer.Dispose();
        _receive?.Dispose();
        _own?.Dispose();
    }

    private async Task<string> ObeyAsync(string[] words)
    {
        switch (words)
        {
            case ["connect", var metadata]:
                _peer = pool.Connect(await agent.ConnectAsync(Convert.FromBase64String(metadata)));
                _producer.AddConsumer(_peer);
                _source = _consumer.AddSource(_peer);
                return "connected";
            case ["serve", var seed, var layers]:
                await ServeAsync(int.Parse(seed, null), int.Parse(layers, null));
                return "wrote";
            case ["repeat"]:
                await WriteAsync(EngineKv.LayerCount - 1);
                _ = RepeatAsync();
                return "repeating";
            case ["finish"]:
                await FinishAsync();
                return "finished";
            case ["request", var seed, var count]:
                _receive = await _consumer.RequestAsync(_source!, new KvRequest(seed, new KvRequestBlocks(int.Parse(count, null))));
                return "requested";
            case ["result", var seed]:
                return await ResultAsync(int.Parse(seed, null));
            case ["tell", var bytes]:
                await agent.NotifyAsync(_peer!.Remote, Convert.FromBase64String(bytes));
                return "told";
            case ["counts"]:
                var (b, c) = (blocks.Snapshot(), connector.Snapshot());
                return $"counts {b.Free} {b.Quarantined} {c.Given} {c.Held}";
            default:
                return $"unknown {words[0]}";
        }
    }

    private async Task ServeAsync(int seed, int layers)
    {
        await foreach (var push in _producer.ReadRequestsAsync())
        {
            _push = push;
            break;
        }
        _own = blocks.TryReserve(_push!.CountWanted())!;
        EngineKv.Fill(pool, seed, _own.Blocks);
        _own.MarkComputed();
        _push.Accept(_own);
        _written = 0;
        await WriteAsync(layers);
    }

    private async Task WriteAsync(int until)
    {
        for (; _written < until; _written++) await _push!.WriteLayerAsync(_written, _push.Stopped);
    }

    private async Task RepeatAsync()
    {
        while (true)
        {
            _written = 0;
            await WriteAsync(EngineKv.LayerCount - 1);
        }
    }

    private async Task FinishAsync()
    {
        using (_own)
        await using (_push)
        {
            await WriteAsync(EngineKv.LayerCount);
            await _push!.CompleteAsync();
        }
    }

    private async Task<string> ResultAsync(int seed)
    {
        using (_receive)
        {
            await _receive!.WaitAsync();
            if (EngineKv.Difference(pool, seed, _receive.Leases[0].Blocks) is { } difference) return $"failed {difference}";
        }
        return $"right {blocks.Snapshot().Free}";
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
