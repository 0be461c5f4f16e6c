using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Transfers;

/// <summary>Posting again, awaiting wrongly, not awaiting at all, and where continuations run.</summary>
public class LifecycleTests
{
    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_transfer_can_be_posted_again_and_again_with_other_ids(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        Assert.Equal(TransferState.NotPosted, transfer.State);
        var expected = bench.Other.Copy();
        for (var i = 0; i < 64; i++)
        {
            var result = await transfer.PostAsync([i], [63 - i]).SoonAsync();
            Assert.Equal(4096, result.Bytes);
            bench.Own.Span.Slice(i * 4096, 4096).CopyTo(expected.AsSpan((63 - i) * 4096));
            Assert.True(bench.Other.Span.SequenceEqual(expected));
        }

        Assert.True(transfer.Quiesced.IsCompletedSuccessfully);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Awaiting_twice_throws(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        var many = Enumerable.Range(0, 17).ToArray(); // more than a local post completes by itself
        var post = transfer.PostAsync(many, many);
        await Deadlines.UntilAsync(() => post.IsCompleted, "completion");
        _ = await post;
        await Assert.ThrowsAsync<InvalidOperationException>(async () => _ = await post);
        var again = transfer.PostAsync([1], [1]);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => _ = await post);
        Assert.Equal(4096, (await again).Bytes);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task A_transfer_that_nobody_awaits_frees_its_slot(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend, change: o => o.MaxTransfers = 4);
        for (var i = 0; i < 50; i++)
        {
            var transfer = bench.Write();
            _ = transfer.PostAsync([i], [i]);
            await transfer.Quiesced.SoonAsync();
            if (i % 2 == 0)
                transfer.Dispose();
        }

        Assert.Equal(0, bench.Pair.A.Runtime.Operations.Count);
        Assert.Equal(0, bench.Pair.A.Runtime.InFlight);
        Assert.True(bench.Other.Span[..(50 * 4096)].SequenceEqual(bench.Own.Span[..(50 * 4096)]));
        Assert.All(bench.Other.Span[(50 * 4096)..].ToArray(), b => Assert.Equal(TestMemory.Poison, b));
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Posting_over_an_outcome_that_nobody_awaited_makes_the_old_task_invalid(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        var many = Enumerable.Range(0, 17).ToArray(); // more than a local post completes by itself
        var old = transfer.PostAsync(many, many);
        await transfer.Quiesced.SoonAsync();
        Assert.Equal(4096, (await transfer.PostAsync([1, 2], [1, 2]).SoonAsync()).Bytes / 2);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => _ = await old);
    }

    [Theory]
    [MemberData(nameof(Backends.All), MemberType = typeof(Backends))]
    public async Task Continuations_run_on_the_thread_pool_never_on_the_pump(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        for (var i = 0; i < 20; i++)
        {
            await transfer.PostAsync([0], [0]).ConfigureAwait(false);
            Assert.False(bench.Pair.A.Runtime.Pump.IsCurrentThread);
        }

        var seen = new TaskCompletionSource<bool>();
        var post = transfer.PostAsync([0], [0]);
        post.GetAwaiter().UnsafeOnCompleted(() => seen.SetResult(bench.Pair.A.Runtime.Pump.IsCurrentThread));
        Assert.False(await seen.Task.SoonAsync());
    }

    [Fact]
    public async Task The_pump_does_not_inherit_the_creators_context()
    {
        var local = new AsyncLocal<string?> { Value = "mine" };
        var inherited = new TaskCompletionSource<string?>();
        var fake = new Nixl.Sdk.Testing.FakeTransport();
        var probe = new ContextProbe(() => inherited.TrySetResult(local.Value));
        await using var agent = await NixlAgent.CreateAsync(
            new NixlAgentOptions { Name = "context", Transport = fake, TimeProvider = probe });
        Assert.Null(await inherited.Task.SoonAsync());
    }

    /// <summary>A clock that tells when the pump reads it.</summary>
    private sealed class ContextProbe(Action onPump) : TimeProvider
    {
        public override long GetTimestamp()
        {
            if (Thread.CurrentThread.Name?.StartsWith("nixl pump", StringComparison.Ordinal) == true)
                onPump();
            return base.GetTimestamp();
        }
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task Posting_while_running_is_refused(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        bench.Pair.SetHang(true);
        using var transfer = bench.Write();
        var post = transfer.PostAsync([0], [0]);
        Assert.Equal(TransferState.Running, transfer.State);
        var error = Assert.Throws<InvalidOperationException>(() => _ = transfer.PostAsync([1], [1]));
        Assert.Contains("REPOST_ACTIVE", error.Message, StringComparison.Ordinal);
        bench.Pair.SetHang(false);
        transfer.Cancel();
        await Task.WhenAny(post.AsTask()).SoonAsync();
    }

    [Theory]
    [MemberData(nameof(Backends.Faulty), MemberType = typeof(Backends))]
    public async Task A_failure_is_reported_once_and_the_transfer_can_be_used_again(Backend backend)
    {
        await using var bench = await Bench.CreateAsync(backend);
        using var transfer = bench.Write();
        bench.Pair.FailNext();
        var error = await Assert.ThrowsAsync<NixlBackendException>(() => transfer.PostAsync([3], [5]).SoonAsync());
        Assert.Equal(bench.Pair.B.Name, error.Peer);
        Assert.Contains(bench.Pair.B.Name, error.Message, StringComparison.Ordinal);
        if (backend == Backend.Loopback)
        {
            Assert.Equal(0, error.Entry);
            Assert.Equal(bench.Other.Address + (5 * 4096), error.Address);
            bench.Pair.SetFaults(default);
        }

        await transfer.Quiesced.SoonAsync();
        Assert.Equal(TransferState.Failed, transfer.State);
        bench.Other.Fill(TestMemory.Poison);
        await transfer.PostAsync([3], [5]).SoonAsync();
        Assert.True(bench.Other.Span.Slice(5 * 4096, 4096).SequenceEqual(bench.Own.Span.Slice(3 * 4096, 4096)));
        Assert.Equal(TestMemory.Poison, bench.Other.Span[(5 * 4096) - 1]);
        Assert.Equal(TestMemory.Poison, bench.Other.Span[6 * 4096]);
    }
}
