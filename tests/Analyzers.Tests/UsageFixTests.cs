using Nixl.Sdk.Analyzers.Tests.Support;
using Xunit;

namespace Nixl.Sdk.Analyzers.Tests;

/// <summary>Code fixes of code that uses the SDK, before and after.</summary>
public sealed class UsageFixTests
{
    [Theory]
    [InlineData("transfer.PostAsync([1], [2]);", "await transfer.PostAsync([1], [2]);")]
    [InlineData("/* why */ _ = agent.NotifyAsync(peer, default);", "/* why */ await agent.NotifyAsync(peer, default);")]
    [InlineData("Func<Task> post = async () => { transfer.PostAsync([1], [2]); await Task.Yield(); };", "Func<Task> post = async () => { await transfer.PostAsync([1], [2]); await Task.Yield(); };")]
    public async Task The_outcome_is_awaited(string before, string after) =>
        Assert.Equal(UsageCases.Method(after), await Harness.FixAsync("NIXL101", UsageCases.Method(before)));

    [Fact]
    public async Task A_method_that_returns_a_completed_task_becomes_async() => Assert.Equal(
        "public static class User { public static async Task Run(Transfer transfer) { await transfer.PostAsync([1], [2]); } }",
        await Harness.FixAsync("NIXL101",
            "public static class User { public static Task Run(Transfer transfer) { transfer.PostAsync([1], [2]); return Task.CompletedTask; } }"));

    [Theory]
    [InlineData("public static void Run(Transfer transfer) { transfer.PostAsync([1], [2]); }")]
    [InlineData("public static Task Run(Transfer transfer) { transfer.PostAsync([1], [2]); return Task.Delay(1); }")]
    [InlineData("public static Task Run(Transfer transfer) { if (transfer.Local.IsDisposed) return Task.CompletedTask; transfer.PostAsync([1], [2]); return Task.CompletedTask; }")]
    [InlineData("public static async Task Run(Transfer transfer) { await Task.Yield(); lock (transfer) { transfer.PostAsync([1], [2]); } }")]
    [InlineData("public static async Task Run(Transfer? transfer) { await Task.Yield(); transfer?.PostAsync([1], [2]); }")]
    [InlineData("public static Task Run(Transfer transfer, ReadOnlySpan<int> blocks) { transfer.PostAsync(blocks, blocks); return Task.CompletedTask; }")]
    [InlineData("public static Task Run(Transfer transfer, in PostOptions options) { transfer.PostAsync([1], [2], options); return Task.CompletedTask; }")]
    public async Task Where_an_await_changes_more_there_is_no_fix(string method) =>
        Assert.Null(await Harness.FixAsync("NIXL101", $"public static class User {{ {method} }}"));

    [Theory]
    [InlineData("var list = agent.PrepareLocal(regions);", "using var list = agent.PrepareLocal(regions);")]
    [InlineData("/* why */ var other = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" });", "/* why */ await using var other = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = \"a\" });")]
    [InlineData("Action act = () => { PreparedList list = agent.PrepareLocal(regions); };", "Action act = () => { using PreparedList list = agent.PrepareLocal(regions); };")]
    public async Task The_variable_is_declared_with_using(string before, string after) =>
        Assert.Equal(UsageCases.Method(after), await Harness.FixAsync("NIXL102", UsageCases.Method(before)));

    [Theory]
    [InlineData("var list = agent.PrepareLocal(regions); list = agent.PrepareLocal(regions);")]
    [InlineData("switch (regions.Length) { case 1: var list = agent.PrepareLocal(regions); break; }")]
    public async Task Where_using_cannot_stand_there_is_no_fix(string statements) =>
        Assert.Null(await Harness.FixAsync("NIXL102", UsageCases.Method(statements)));

    [Theory]
    [InlineData("while (transfer.State == TransferState.Running) Thread.Sleep(1);")]
    [InlineData("while (transfer.State is TransferState.Running or TransferState.Quiescing) { await Task.Delay(1); }")]
    [InlineData("do { } while (transfer.State != TransferState.Succeeded);")]
    public async Task A_loop_that_only_waits_becomes_an_await(string loop) =>
        Assert.Equal(UsageCases.Method("await transfer.Quiesced;"), await Harness.FixAsync("NIXL103", UsageCases.Method(loop)));

    [Theory]
    [InlineData("while (transfer.State == TransferState.Running) Console.WriteLine();")]
    [InlineData("while (transfer.State == TransferState.NotPosted) Thread.Sleep(1);")]
    [InlineData("while (!agent.TryReadNotification(new byte[64], out _)) Thread.Yield();")]
    [InlineData("Action wait = () => { while (transfer.State == TransferState.Running) { } };")]
    public async Task A_loop_that_does_more_has_no_fix(string loop) =>
        Assert.Null(await Harness.FixAsync("NIXL103", UsageCases.Method(loop)));

    [Fact]
    public void Every_fix_is_for_diagnostics_that_exist() => Assert.All(
        Harness.Fixes.SelectMany(fix => fix.FixableDiagnosticIds),
        id => Assert.Contains(Harness.Analyzers, analyzer => analyzer.SupportedDiagnostics.Any(descriptor => descriptor.Id == id)));
}
