using Nixl.Sdk.Analyzers.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests;

/// <summary>What fires in code that uses the SDK, and above all what does not.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData("_ = transfer.PostAsync([1], [2]);")]
    [InlineData("transfer.PostAsync([1], [2]).AsTask();")]
    [InlineData("transfer.PostAsync([1], [2]).ConfigureAwait(false);")]
    [InlineData("Transfer? maybe = transfer; maybe?.PostAsync([1], [2]);")]
    [InlineData("agent.NotifyAsync(peer, default);")]
    [InlineData("agent.NotifyAsync(peer, default).AsTask().WaitAsync(TimeSpan.FromSeconds(1)).ConfigureAwait(false);")]
    [InlineData("Action post = () => transfer.PostAsync([1], [2]);")]
    public Task A_dropped_outcome_is_reported(string statements) => AssertReported("NIXL101", statements);

    [Theory]
    [InlineData("var outcome = transfer.PostAsync([1], [2]); await outcome;")]
    [InlineData("Func<ValueTask<TransferResult>> post = () => transfer.PostAsync([1], [2]); await post();")]
    [InlineData("await Task.WhenAll(transfer.PostAsync([1], [2]).AsTask());")]
    [InlineData("transfer.Cancel();")]
    [InlineData("_ = Task.Run(() => 1);")]
    [InlineData("transfer.PostAsync([1], [2]).GetAwaiter().GetResult();")]
    [InlineData("_ = transfer.PostAsync([1], [2]).AsTask().ContinueWith(ended => Console.WriteLine(ended.Exception), TaskScheduler.Default);")]
    [InlineData("agent.NotifyAsync(peer, default).AsTask().ContinueWith(ended => Console.WriteLine(ended.Exception), TaskScheduler.Default);")]
    public Task An_outcome_that_somebody_has_is_not(string statements) => AssertNotReported("NIXL101", statements);

    [Theory]
    [InlineData("var other = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" });")]
    [InlineData("var other = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" }).ConfigureAwait(false);")]
    [InlineData("var list = agent.PrepareLocal(regions); Console.WriteLine(list.Entries); if (list.IsDisposed) return;")]
    [InlineData("PreparedList list = agent.PrepareLocal(regions); list = agent.PrepareRemote(peer, regions);")]
    [InlineData("agent.PrepareLocal(regions);")]
    [InlineData("_ = agent.PrepareLocal(regions);")]
    [InlineData("await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" });")]
    [InlineData("await agent.CreateTransfer(TransferOperation.Write, transfer.Local, transfer.Remote).PostAsync([1], [2]);")]
    [InlineData("_ = (await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" })).ExportMetadata();")]
    public Task A_forgotten_object_is_reported(string statements) => AssertReported("NIXL102", statements);

    [Fact]
    public async Task What_it_holds_is_said()
    {
        var (reported, _) = await Harness.DiagnoseAsync(withSdk: true, """
            [MustDispose("a lease on blocks")] public sealed class Lease : IDisposable { public void Dispose() { } }
            public sealed class Longer { public static Lease CreateLease() => new(); public void Use() { var lease = CreateLease(); } }
            """);
        Assert.Equal(
            "lease is never disposed, returned, stored or passed on; a Lease holds a lease on blocks, so declare it with using",
            Assert.Single(reported).GetMessage(null));
    }

    [Theory]
    [InlineData("await using var other = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" });")]
    [InlineData("var list = agent.PrepareLocal(regions); try { await Task.Yield(); } finally { list.Dispose(); }")]
    [InlineData("var list = agent.PrepareLocal(regions); list?.Dispose();")]
    [InlineData("using (var list = agent.PrepareLocal(regions)) { }")]
    [InlineData("var list = agent.PrepareLocal(regions); using (list) { }")]
    [InlineData("var list = agent.PrepareLocal(regions); var all = new[] { list };")]
    [InlineData("var list = agent.PrepareLocal(regions); GC.KeepAlive(list);")]
    [InlineData("var list = agent.PrepareLocal(regions); Action end = list.Dispose; end();")]
    [InlineData("var list = agent.PrepareLocal(regions); Action end = () => list.Dispose(); end();")]
    [InlineData("agent.PrepareLocal(regions).Dispose();")]
    [InlineData("Func<Task> refused = async () => await NixlAgent.CreateAsync(new NixlAgentOptions()); await refused();")]
    [InlineData("Action refused = () => agent.PrepareLocal(regions); refused();")]
    [InlineData("GC.KeepAlive(agent.PrepareLocal(regions));")]
    [InlineData("PreparedList? list; list = agent.PrepareLocal(regions); list.Dispose();")]
    [InlineData("var list = transfer.Local;")]
    [InlineData("static PreparedList Get(Transfer from) => from.Local; var list = Get(transfer);")]
    public Task An_object_that_is_ended_or_handed_on_is_not(string statements) => AssertNotReported("NIXL102", statements);

    [Theory]
    [InlineData("while (transfer.State is TransferState.Running or TransferState.Quiescing) await Task.Delay(1);")]
    [InlineData("do { Thread.Sleep(1); } while (transfer.State != TransferState.Succeeded);")]
    [InlineData("for (; transfer.State == TransferState.Running;) { }")]
    [InlineData("while (true) { if (transfer.State == TransferState.Succeeded) break; Thread.Yield(); }")]
    [InlineData("var outcome = transfer.PostAsync([1], [2]); while (!outcome.IsCompleted) { } await outcome;")]
    [InlineData("while (!transfer.Quiesced.IsCompleted) { }")]
    [InlineData("while (!agent.TryReadNotification(new byte[64], out _)) Thread.Yield();")]
    [InlineData("while (agent.TryReadNotification(new byte[64], out _) is false) await Task.Delay(1, CancellationToken.None);")]
    [InlineData("for (;;) { if (agent.TryReadNotification(new byte[64], out _)) return; }")]
    public Task Polling_without_an_end_is_reported(string statements) => AssertReported("NIXL103", statements);

    [Theory]
    [InlineData("while (transfer.State == TransferState.Running) token.ThrowIfCancellationRequested();")]
    [InlineData("while (transfer.State == TransferState.Running) await Task.Delay(1, token);")]
    [InlineData("var clock = System.Diagnostics.Stopwatch.StartNew(); while (transfer.State == TransferState.Running && clock.ElapsedMilliseconds < 5) { }")]
    [InlineData("var end = Environment.TickCount64 + 5; while (transfer.State == TransferState.Running) { if (Environment.TickCount64 > end) break; }")]
    [InlineData("var end = DateTime.UtcNow.AddSeconds(1); while (transfer.State == TransferState.Running && DateTime.UtcNow < end) { }")]
    [InlineData("for (var i = 0; i < 100 && transfer.State == TransferState.Running; i++) { }")]
    [InlineData("var left = 100; while (transfer.State == TransferState.Running) { if (left-- == 0) throw new TimeoutException(); }")]
    [InlineData("bool Timeout() => false; while (transfer.State == TransferState.Running && !Timeout()) { }")]
    [InlineData("var stopping = false; Console.CancelKeyPress += (_, _) => stopping = true; while (!stopping && transfer.State == TransferState.Running) Thread.Yield();")]
    [InlineData("while (agent.TryReadNotification(new byte[64], out _)) { }")]
    [InlineData("for (;;) { if (!agent.TryReadNotification(new byte[64], out _)) break; }")]
    [InlineData("while (!agent.TryReadNotification(new byte[64], out _)) await agent.WaitForNotificationAsync();")]
    [InlineData("while (!agent.IsDisposed) { if (transfer.State == TransferState.Failed) Console.WriteLine(); await Task.Delay(1); }")]
    [InlineData("foreach (var region in regions) { if (transfer.State == TransferState.Failed) break; }")]
    public Task A_loop_that_ends_by_itself_is_not(string statements) => AssertNotReported("NIXL103", statements);

    [Fact]
    public async Task Code_without_the_sdk_is_left_alone()
    {
        var (reported, errors) = await Harness.DiagnoseAsync(withSdk: false, """
            public sealed class Transfer : System.IDisposable { public int State => 0; public void Dispose() { } public static Transfer Create() => new(); }
            public static class User { public static void Run() { var transfer = Transfer.Create(); while (transfer.State == 0) { } } }
            """);
        Assert.Empty(errors);
        Assert.Empty(reported);
    }

    private static async Task AssertReported(string id, string statements)
    {
        var (reported, errors) = await Harness.DiagnoseAsync(withSdk: true, UsageCases.Method(statements));
        Assert.Empty(errors);
        Assert.Single(reported, found => found.Id == id);
    }

    private static async Task AssertNotReported(string id, string statements)
    {
        var (reported, errors) = await Harness.DiagnoseAsync(withSdk: true, UsageCases.Method(statements));
        Assert.Empty(errors);
        Assert.DoesNotContain(reported, found => found.Id == id);
    }
}
