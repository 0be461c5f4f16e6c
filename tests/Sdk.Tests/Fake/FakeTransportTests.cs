using Microsoft.Extensions.Time.Testing;
using Nixl.Sdk.Testing;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Fake;

/// <summary>The knobs that users' unit tests turn.</summary>
public class FakeTransportTests
{
    [Fact]
    public async Task Senders_are_told_apart()
    {
        var fake = new FakeTransport();
        await using var receiver = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, "receiver", fake)).SoonAsync();
        foreach (var name in (string[])["one", "two", "three"])
        {
            var sender = await NixlAgent.CreateAsync(Pair.Options(Backend.Fake, name, fake)).SoonAsync();
            await using (sender)
            {
                await sender.NotifyAsync(await sender.ConnectAsync(receiver.ExportMetadata()).SoonAsync(), "hello"u8).SoonAsync();
                await foreach (var notification in receiver.ReadNotificationsAsync())
                {
                    Assert.Equal((name, sender.Incarnation), (notification.Info.Sender, notification.Info.SenderIncarnation));
                    break;
                }
            }
        }
    }

    [Fact]
    public async Task A_delay_follows_the_agents_clock()
    {
        var clock = new FakeTimeProvider();
        await using var bench = await Bench.CreateAsync(Backend.Fake, change: o => o.TimeProvider = clock);
        bench.Pair.Fake!.Delay = TimeSpan.FromSeconds(10);
        using var transfer = bench.Write();
        var post = transfer.PostAsync([1], [2], "done"u8);
        clock.Advance(TimeSpan.FromSeconds(9));
        await Task.Delay(100);
        Assert.False(post.IsCompleted);
        Assert.All(bench.Other.Copy(), b => Assert.Equal(TestMemory.Poison, b));
        clock.Advance(TimeSpan.FromSeconds(2));
        var result = await post.SoonAsync();
        Assert.True(result.Queued >= TimeSpan.FromSeconds(10), result.ToString());
        Assert.True(bench.Other.Span.Slice(8192, 4096).SequenceEqual(bench.Own.Span.Slice(4096, 4096)));
    }

    [Fact]
    public async Task A_deadline_follows_the_agents_clock()
    {
        var clock = new FakeTimeProvider();
        await using var bench = await Bench.CreateAsync(
            Backend.Fake, change: o => (o.TimeProvider, o.QuiesceGrace) = (clock, TimeSpan.FromSeconds(5)));
        bench.Pair.Fake!.Hang = true;
        using var transfer = bench.Write();
        var post = transfer.PostAsync([1], [2]);
        clock.Advance(TimeSpan.FromSeconds(31));
        await Assert.ThrowsAsync<TransferTimeoutException>(() => post.SoonAsync());
        Assert.Equal(TransferState.Quiescing, transfer.State);
        var quiesced = transfer.Quiesced.AsTask();
        Assert.False(quiesced.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(6));
        await quiesced.SoonAsync();
        bench.Pair.Fake.Hang = false;
    }

    [Fact]
    public async Task A_disconnected_peer_fails_what_runs_and_what_comes()
    {
        await using var bench = await Bench.CreateAsync(Backend.Fake);
        var changed = new TaskCompletionSource<PeerStateChangedEventArgs>();
        bench.Pair.A.PeerStateChanged += (_, change) => changed.TrySetResult(change);
        bench.Pair.Fake!.Hang = true;
        using var transfer = bench.Write();
        var post = transfer.PostAsync([1], [2]);
        bench.Pair.Fake.Disconnect(bench.Pair.B.Name);
        var error = await Assert.ThrowsAsync<PeerDisconnectedException>(() => post.SoonAsync());
        Assert.Equal(bench.Pair.B.Name, error.Peer);
        Assert.Contains("FakeTransport.Disconnect", error.Message, StringComparison.Ordinal);
        var change = await changed.Task.SoonAsync();
        Assert.Same(bench.Pair.ToB, change.Peer);
        Assert.Equal(PeerState.Disconnected, change.State);
        Assert.Throws<PeerDisconnectedException>(() => _ = transfer.PostAsync([1], [2]));
        await Assert.ThrowsAsync<PeerDisconnectedException>(() => bench.Pair.A.ConnectAsync(bench.Pair.B.ExportMetadata()).SoonAsync());
        Assert.Equal([bench.Pair.A.Name], bench.Pair.Fake.Agents);
        Assert.Throws<NixlNotFoundException>(() => bench.Pair.Fake.Disconnect("nobody"));
    }

    [Fact]
    public async Task Chosen_failures_have_the_chosen_status()
    {
        await using var bench = await Bench.CreateAsync(Backend.Fake);
        bench.Pair.Fake!.FailNext(2, NixlStatus.OutOfMemory);
        using var transfer = bench.Write();
        for (var i = 0; i < 2; i++)
        {
            var error = await Assert.ThrowsAsync<NixlException>(() => transfer.PostAsync([1], [2]).SoonAsync());
            Assert.Equal(NixlStatus.OutOfMemory, error.Status);
        }

        await transfer.PostAsync([1], [2]).SoonAsync();
        Assert.Equal(2, bench.Pair.A.GetCounters(NixlTransports.Loopback).Failures);
    }

    [Fact]
    public async Task Instances_do_not_see_each_other()
    {
        await using var a = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "a", Transport = new FakeTransport() });
        await using var b = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "b", Transport = new FakeTransport() });
        await Assert.ThrowsAsync<NixlBackendException>(async () => await a.ConnectAsync(b.ExportMetadata()));
        await Assert.ThrowsAsync<NixlInvalidArgumentException>(
            async () => await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "a", Transport = a.Runtime.Options.Transport }));
    }
}
