using System.Diagnostics.Metrics;
using Nixl.Sdk.Serving;

namespace Nixl.Sdk.PeerProcess.Serving;

/// <summary>
/// A whole hand-over and a transfer in a process whose first listener throws when it hears of any instrument. Prints "served N": the blocks that are
/// free afterwards. A process of its own, because meters are static.
/// </summary>
internal static class ThrowingListener
{
    public static async Task<int> RunAsync()
    {
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, _) =>
            {
                if (instrument.Meter.Name == "Nixl.Sdk") throw new InvalidOperationException("a listener that fails");
            },
        };
        listener.Start();
        await using var a = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = $"a-{Environment.ProcessId}", Transports = NixlTransports.Local });
        await using var b = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = $"b-{Environment.ProcessId}", Transports = NixlTransports.Local });
        using var from = KvPool<EngineKv>.Allocate(a, 6, EngineKv.Model);
        using var to = KvPool<EngineKv>.Allocate(b, 6, EngineKv.Model);
        await using var there = KvConnector.Start(a);
        await using var here = KvConnector.Start(b);
        using var blocks = new BlockPool(6, new BlockPoolOptions { Owner = new PeerIdentity(b.Name, b.Incarnation) });
        using var own = new BlockPool(6, new BlockPoolOptions { Owner = new PeerIdentity(a.Name, a.Incarnation) });
        using var producer = new KvProducer<EngineKv>(there, from);
        using var consumer = new KvConsumer<EngineKv>(here, to, blocks);
        using var advisor = new KvAdvisor(KvCacheSize.Of(to.Plan));
        producer.AddConsumer(from.Connect(await a.ConnectAsync(b.ExportMetadata())));
        var source = consumer.AddSource(to.Connect(await b.ConnectAsync(a.ExportMetadata())));
        using (var receive = await consumer.RequestAsync(source, new KvRequest("r", new KvRequestBlocks(4))))
        {
            await foreach (var push in producer.ReadRequestsAsync())
            {
                await using (push)
                {
                    using var lease = own.TryReserve(4)!;
                    EngineKv.Fill(from, 1, lease.Blocks);
                    lease.MarkComputed();
                    push.Accept(lease);
                    await push.WriteAsync();
                    await push.CompleteAsync();
                }
                break;
            }
            await receive.WaitAsync();
            if (EngineKv.Difference(to, 1, receive.Leases[0].Blocks) is { } difference)
            {
                Console.Error.WriteLine(difference);
                return 66;
            }
        }
        Console.WriteLine($"served {blocks.Snapshot().Free}");
        return 0;
    }
}
