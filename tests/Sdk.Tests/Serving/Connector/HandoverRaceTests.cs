using Nixl.Sdk.Serving;
using Nixl.Sdk.Tests.Support;
using Fleet = Nixl.Sdk.Tests.Serving.Connector.ServingFleet<Nixl.Sdk.Tests.Pools.SplitKv, Nixl.Sdk.Tests.Pools.SplitKv>;

namespace Nixl.Sdk.Tests.Serving.Connector;

/// <summary>An end and a stop at the same moment: one of them wins, and both sides know which.</summary>
public sealed class HandoverRaceTests
{
    [Fact]
    public async Task Either_it_is_completed_or_it_has_a_reason_why_not()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        var giver = fleet.Pools.Writes.Single().Remote.Remote;
        var access = new KvAccessMessage(KvMessageKind.Request, 1, "kv", "kv", "race", TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), [], default);
        for (var round = 0; round < 2000; round++)
        {
            var held = new KvHeld(fleet.SourceConnectors[0], giver, access, 0, null, null);
            Assert.True(held.TryTake());
            using var start = new Barrier(2);
            var stopping = Task.Run(() =>
            {
                start.SignalAndWait();
                held.Stop(new KvHandoverException(KvOutcome.Cancelled, "stopped"));
            });
            start.SignalAndWait();
            var problem = held.Complete(default);
            await stopping.SoonAsync();
            Assert.Same(held.Reason, problem);
            Assert.Equal(problem is null, held.Complete(default) is null); // again: the same answer
        }
    }

    [Fact]
    public async Task What_was_given_up_is_not_completed_afterwards_and_what_is_completed_is_not_given_up()
    {
        await using var fleet = await Fleet.CreateAsync(Backend.Fake);
        using var receive = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("r", new KvRequestBlocks(3)));
        var push = await fleet.NextAsync();
        using var own = fleet.Compute(3)[0];
        push.Accept(own);
        await push.WriteAsync();
        await push.FailAsync("changed my mind");
        Assert.Contains("given up", (await Assert.ThrowsAsync<KvHandoverException>(async () => await push.CompleteAsync())).Message, StringComparison.Ordinal);
        Assert.Equal(KvOutcome.Failed, (await Assert.ThrowsAsync<KvHandoverException>(() => receive.WaitAsync().SoonAsync())).Outcome);

        using var second = await fleet.Consumers[0].RequestAsync(fleet.Sources[0], new KvRequest("s", new KvRequestBlocks(3)));
        await using var served = await fleet.NextAsync();
        served.Accept(own);
        await served.WriteAsync();
        await served.CompleteAsync();
        await served.CompleteAsync();
        await served.FailAsync("too late");
        await second.WaitAsync().SoonAsync();
    }
}
