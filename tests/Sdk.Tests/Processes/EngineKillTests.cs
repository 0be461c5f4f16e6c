using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.PeerProcess.Serving;
using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Processes;

/// <summary>Engines that die, stop and come back in the middle of a hand-over. Blocks come back exactly when nobody can touch them, and what is served is right.</summary>
public sealed class EngineKillTests
{
    public static TheoryData<Backend> Backends => new(Backend.Local, Backend.Fabric);

    [Theory, MemberData(nameof(Backends))]
    public async Task A_producer_is_killed_while_it_writes_and_starts_again_under_its_name(Backend backend)
    {
        await using var engines = await EngineProcesses.CreateAsync(backend);
        var (old, remote, source) = await engines.StartAsync();
        using var receive = await engines.Consumer.RequestAsync(source, EngineProcesses.Request("killed")).SoonAsync();
        await old.AskAsync("serve 1 1", "wrote");
        await receive.WaitForLayerAsync(0).SoonAsync();
        await old.AskAsync("repeat", "repeating");

        old.Kill();

        var lost = await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync());
        Assert.Equal((KvOutcome.PeerLost, remote.Remote.Name), (lost.Outcome, lost.Peer));
        await old.DisposeAsync(); // waited for: it is certain now
        if (backend == Backend.Fabric)
        {
            Assert.Equal(EngineProcesses.PromptBlocks, engines.BlockPool.Snapshot().Quarantined); // a connection that has ended says nothing of the process
            Assert.Equal(1, engines.Connector.PeerExited(PeerIdentity.Of(remote.Remote)));
        }
        await engines.AllFreeAsync();
        Assert.True(await receive.CancelAsync(Deadlines.Soon));

        var (again, _, sourceAgain) = await engines.StartAsync();
        await engines.ReceivesAsync(again, sourceAgain, 2);
        Assert.Equal($"{EngineProcesses.Blocks} 0 0 0", await again.AskAsync("counts", "counts"));
        await engines.AllFreeAsync();
    }

    [Theory, MemberData(nameof(Backends))]
    public async Task A_consumer_is_killed_while_we_write_and_our_blocks_come_back(Backend backend)
    {
        await using var engines = await EngineProcesses.CreateAsync(backend);
        var (consumer, _, _) = await engines.StartAsync();
        await consumer.AskAsync($"request 1 {EngineProcesses.PromptBlocks}", "requested");
        await using var push = await engines.NextAsync();
        var own = engines.BlockPool.TryReserve(EngineProcesses.PromptBlocks)!;
        EngineKv.Fill(engines.Pool, 1, own.Blocks);
        own.MarkComputed();
        push.Accept(own);
        await push.WriteLayerAsync(0).SoonAsync();
        var writing = Task.Run(async () =>
        {
            while (true) await push.WriteLayerAsync(1);
        });
        await Deadlines.UntilAsync(() => own.State == BlockState.InFlight, "a WRITE runs");

        consumer.Kill();

        await Assert.ThrowsAnyAsync<NixlException>(() => writing.SoonAsync());
        own.Dispose();
        await Deadlines.UntilAsync(() => push.Stopped.IsCancellationRequested, "it has to end");
        await Assert.ThrowsAnyAsync<NixlException>(() => push.CompleteAsync().SoonAsync());
        await push.DisposeAsync().SoonAsync();
        await engines.AllFreeAsync();

        await consumer.DisposeAsync();
        var (again, _, _) = await engines.StartAsync();
        await again.AskAsync($"request 2 {EngineProcesses.PromptBlocks}", "requested");
        await using (var second = await engines.NextAsync())
        {
            using var blocks = engines.BlockPool.TryReserve(EngineProcesses.PromptBlocks)!;
            EngineKv.Fill(engines.Pool, 2, blocks.Blocks);
            blocks.MarkComputed();
            second.Accept(blocks);
            await second.WriteAsync().SoonAsync();
            await second.CompleteAsync().SoonAsync();
        }
        Assert.Equal($"{EngineProcesses.Blocks}", await again.AskAsync("result 2", "right"));
        await engines.AllFreeAsync();
    }

    [Theory, MemberData(nameof(Backends))]
    public async Task A_producer_that_is_stopped_beyond_its_lease_is_refused_and_confirms_when_it_goes_on(Backend backend)
    {
        var time = new FakeTimeProvider();
        await using var engines = await EngineProcesses.CreateAsync(backend, time);
        var (producer, _, source) = await engines.StartAsync();
        using var receive = await engines.Consumer.RequestAsync(source, EngineProcesses.Request("stopped", TimeSpan.FromHours(1))).SoonAsync();
        await producer.AskAsync("serve 1 2", "wrote");
        await receive.WaitForLayerAsync(1).SoonAsync();
        using (producer.Stop())
        {
            time.Advance(TimeSpan.FromSeconds(31));
            Assert.Equal(KvOutcome.Expired, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);
            for (var hour = 0; hour < 3; hour++) time.Advance(TimeSpan.FromHours(1));
            await Task.Delay(200);
            Assert.Equal((EngineProcesses.PromptBlocks, 1), (engines.BlockPool.Snapshot().Quarantined, engines.Connector.Snapshot().Given));
            Assert.Throws<ObjectDisposedException>(() => receive.Leases[0].Blocks.Length);
        }
        await producer.AskAsync("finish", "failed");
        await UntilAsync(time, () => engines.BlockPool.Snapshot().Free == EngineProcesses.Blocks, "it confirms");
        await engines.AllFreeAsync();
        await engines.ReceivesAsync(producer, source, 2);
        Assert.Equal($"{EngineProcesses.Blocks} 0 0 0", await producer.AskAsync("counts", "counts"));
    }

    [Theory, MemberData(nameof(Backends))]
    public async Task A_producer_that_hangs_keeps_its_blocks_until_its_own_word_though_another_has_its_name(Backend backend)
    {
        await using var engines = await EngineProcesses.CreateAsync(backend);
        var (old, oldPool, source) = await engines.StartAsync();
        using var receive = await engines.Consumer.RequestAsync(source, EngineProcesses.Request("hangs")).SoonAsync();
        await old.AskAsync("serve 1 2", "wrote");
        await receive.WaitForLayerAsync(1).SoonAsync();
        var id = Assert.Single(engines.Connector.GivenIds);
        using (old.Stop())
        {
            var (again, pool, sourceAgain) = await engines.StartAsync();
            Assert.Equal(oldPool.Remote.Name, pool.Remote.Name);
            Assert.NotEqual(oldPool.Remote.Incarnation, pool.Remote.Incarnation);
            Assert.Equal(KvOutcome.PeerLost, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);

            // Whoever has the name now cannot end what it has never had.
            var end = KvMessageCodec.Encode(new KvEndMessage(id, KvOutcome.Completed, "", default));
            await again.AskAsync($"tell {Convert.ToBase64String(end)}", "told");
            await Deadlines.UntilAsync(() => engines.Connector.Snapshot().NotGranted == 1, "refused");
            Assert.Equal(EngineProcesses.PromptBlocks, engines.BlockPool.Snapshot().Quarantined);
            await engines.ReceivesAsync(again, sourceAgain, 2);
            Assert.Equal(EngineProcesses.PromptBlocks, engines.BlockPool.Snapshot().Quarantined);
        }
        using var others = engines.BlockPool.TryReserve(EngineProcesses.Blocks - EngineProcesses.PromptBlocks)!; // all that are left
        EngineKv.Fill(engines.Pool, 3, others.Blocks);
        await old.AskAsync("finish", "finished"); // into blocks that nobody else has
        await Deadlines.UntilAsync(() => engines.BlockPool.Snapshot().Free == EngineProcesses.PromptBlocks, "its own word frees them");
        Assert.True(engines.BlockPool.Snapshot().RefusedGivenUp >= 2, "its two layers were served to somebody"); // and its heartbeats, if it takes long
        await Deadlines.UntilAsync(() => engines.Connector.Snapshot().Given == 0, "its access has ended");
        Assert.Null(EngineKv.Difference(engines.Pool, 3, others.Blocks));
        others.Dispose();
        await engines.AllFreeAsync();
    }

    private static async Task UntilAsync(FakeTimeProvider time, Func<bool> condition, string what) => await Deadlines.UntilAsync(
        () =>
        {
            time.Advance(TimeSpan.FromMilliseconds(50)); // what is repeated waits for our clock
            return condition();
        },
        what);
}
