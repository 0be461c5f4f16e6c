using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>Deadlines, cancellation, disposal with transfers in flight. Outcome and quiescence are two ends.</summary>
public class EndingTests
{
    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task A_missed_deadline_is_an_error_and_the_memory_stays_locked_until_quiesced(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend, change: o => o.QuiesceGrace = TimeSpan.FromMilliseconds(500));
        bench.Pair.SetHang(true);
        using var transfer = bench.Write();
        var error = await Assert.ThrowsAsync<TransferTimeoutException>(
            () => transfer.PostAsync([1, 2], [3, 4], new PostOptions { Timeout = TimeSpan.FromMilliseconds(50) }).SoonAsync());
        Assert.Equal(bench.Pair.B.Name, error.Peer);
        if (transfer.State == TransferState.Quiescing)
        {
            Assert.Throws<NixlBusyException>(() => bench.Own.Region.Deregister(TimeSpan.FromMilliseconds(1)));
            Assert.Throws<InvalidOperationException>(() => _ = transfer.PostAsync([0], [0]));
        }

        await transfer.Quiesced.SoonAsync();
        Assert.Equal(TransferState.Failed, transfer.State);
        transfer.Dispose();
        bench.Local.Dispose();
        bench.Own.Region.Deregister();
        Assert.False(bench.Own.Region.IsRegistered);
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task A_token_cancels_the_post_that_was_made_with_it(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        bench.Pair.SetHang(true);
        using var transfer = bench.Write();
        using var source = new CancellationTokenSource();
        var post = transfer.PostAsync([1], [3], cancellationToken: source.Token);
        await source.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => post.SoonAsync());
        Assert.Equal(source.Token, error.CancellationToken);
        await transfer.Quiesced.SoonAsync();
        Assert.Equal(TransferState.Failed, transfer.State);

        Assert.Throws<OperationCanceledException>(() => _ = transfer.PostAsync([1], [3], cancellationToken: source.Token));
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task Cancel_ends_a_hanging_transfer(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        bench.Pair.SetHang(true);
        using var transfer = bench.Write();
        var post = transfer.PostAsync([1], [3]);
        transfer.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => post.SoonAsync());
        await transfer.Quiesced.SoonAsync();
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Cancelling_at_any_moment_gives_either_the_data_or_the_exception(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend, blocks: 256);
        var ids = Enumerable.Range(0, 256).ToArray();
        using var transfer = bench.Write();
        var succeeded = 0;
        for (var i = 0; i < 100; i++)
        {
            bench.Other.Fill(TestMemory.Poison);
            using var source = new CancellationTokenSource();
            var post = transfer.PostAsync(ids, ids, cancellationToken: source.Token);
            if (i % 3 == 0)
                Thread.SpinWait(i * 20);
            await source.CancelAsync();
            try
            {
                await post.SoonAsync();
                Assert.True(bench.Other.Span.SequenceEqual(bench.Own.Span));
                succeeded++;
            }
            catch (OperationCanceledException)
            {
                Assert.True(transfer.State is TransferState.Failed or TransferState.Quiescing);
            }

            await transfer.Quiesced.SoonAsync();
        }

        Assert.InRange(succeeded, 0, 100);
        Assert.Equal(0, bench.Pair.A.Runtime.Operations.Count);
        bench.Other.Fill(TestMemory.Poison);
        await transfer.PostAsync(ids, ids).SoonAsync();
        Assert.True(bench.Other.Span.SequenceEqual(bench.Own.Span));
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task Disposing_a_transfer_in_flight_ends_it_and_then_frees_what_it_held(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        bench.Pair.SetHang(true);
        var transfer = bench.Write();
        var post = transfer.PostAsync([1], [3]);
        transfer.Dispose();
        bench.Local.Dispose();
        bench.Remote.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => post.SoonAsync());
        await transfer.Quiesced.SoonAsync();
        await Deadlines.UntilAsync(
            () =>
            {
                try
                {
                    bench.Own.Region.Deregister();
                    return true;
                }
                catch (NixlBusyException)
                {
                    return false;
                }
            },
            "the lists are released after the transfer has quiesced");
        Assert.Throws<ObjectDisposedException>(() => _ = transfer.PostAsync([1], [1]));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Disposing_the_agent_ends_everything_in_flight(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend, blocks: 512, blockBytes: 16384);
        var hangs = backend is Backend.Fake or Backend.Loopback;
        if (hangs)
            bench.Pair.SetHang(true);
        var ids = Enumerable.Range(0, 512).ToArray();
        var transfers = Enumerable.Range(0, 8).Select(_ => bench.Write()).ToArray();
        var posts = transfers.Select(t => t.PostAsync(ids, ids).AsTask()).ToArray();

        await bench.Pair.A.DisposeAsync().SoonAsync();

        foreach (var (transfer, post) in transfers.Zip(posts))
        {
            // Both ends are reached by now: nobody can touch the memory any more.
            Assert.True(transfer.Quiesced.IsCompleted);
            var error = await Record.ExceptionAsync(() => post.SoonAsync());
            Assert.True(
                error is OperationCanceledException or NixlClosedException || (error is null && !hangs), error?.ToString() ?? "no error");
            Assert.Throws<ObjectDisposedException>(() => _ = transfer.PostAsync([0], [0]));
        }

        Assert.Equal(0, bench.Pair.A.Runtime.InFlight);
        Assert.Throws<ObjectDisposedException>(() => bench.Pair.A.ExportMetadata());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => bench.Pair.A.ConnectAsync(new byte[10]).SoonAsync());
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Disposing_from_many_threads_while_others_post_is_safe(Backend backend)
    {
        for (var round = 0; round < 5; round++)
        {
            await using var bench = await Bench.CreateAsync(backend);
            using var start = new ManualResetEventSlim();
            // Made here: a task that is scheduled late would find the agent disposed.
            var posters = Enumerable.Range(0, 4).Select(i => (Id: i, Transfer: bench.Write())).ToArray().Select(poster => Task.Run(async () =>
            {
                var (i, transfer) = poster;
                using var _ = transfer;
                start.Wait(Deadlines.Soon);
                while (true)
                {
                    try
                    {
                        await transfer.PostAsync([i], [i]).SoonAsync();
                    }
                    catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException or NixlClosedException)
                    {
                        return;
                    }
                }
            })).ToArray();
            var disposers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
            {
                start.Wait(Deadlines.Soon);
                await Task.Delay(10 * round);
                await bench.Pair.A.DisposeAsync();
            })).ToArray();
            start.Set();
            await Task.WhenAll(disposers).SoonAsync();
            await Task.WhenAll(posters).SoonAsync();
        }
    }
}
